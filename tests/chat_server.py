# Copyright (c) mmteso contributors. All rights reserved.
"""A small OpenAI-compatible chat server that can misbehave.

In a test::

    with ChatServer(script=['cut', 'status:500']) as server:
        reasoner = OpenAIReasoner(server.url, server.model)

From a shell, so that a command can be run against it::

    python tests/chat_server.py --port-file port.txt --behaviour cut \\
        --behaviour status:500 --share 0.2

It answers at once, in the form of a language model's final answer, with
objects of the description in the prompt. No description holds them? Then
their number and names are drawn from it, the same for the same text.
"""
import argparse
import asyncio
import collections
import contextlib
import dataclasses
import functools
import json
import os
import random
import re
import signal
import threading
import time
import zlib
from typing import Callable, Dict, List, Optional, Sequence, Tuple

VOCABULARY = ('accordion', 'baby', 'bird', 'car', 'cat', 'dog', 'drum',
              'guitar', 'helicopter', 'horse', 'man', 'piano', 'train',
              'trumpet', 'violin', 'woman', 'red disc', 'orange star',
              'yellow triangle', 'green square', 'cyan cross', 'blue ring',
              'purple crescent', 'pink flower')
_NAMES = re.compile(rf'\b(?:{"|".join(VOCABULARY)})\b')
_GIVEN = re.compile('caption:|description:', flags=re.IGNORECASE)


@dataclasses.dataclass
class Request:
    """What a client sent."""
    method: str
    path: str
    headers: Dict[str, str]
    body: bytes

    @functools.cached_property
    def json(self) -> dict:
        return json.loads(self.body)

    @property
    def texts(self) -> List[str]:
        """What the user said, oldest first."""
        return [
            message['content'] for message in self.json['messages']
            if message['role'] == 'user'
        ]


@dataclasses.dataclass
class Reply:
    """What the server does with a request.

    Args:
        body (bytes): The body.
        status (int): The status code. Defaults to 200.
        headers (dict): Further headers.
        delay (float): Seconds until the reply begins. Defaults to 0.
        cut (int, optional): Bytes of the whole reply after which the
            connection is cut. Defaults to None.
        drip (float): Seconds between the bytes of the body. Defaults to 0.
    """
    body: bytes = b''
    status: int = 200
    headers: Dict[str, str] = dataclasses.field(default_factory=dict)
    delay: float = 0.
    cut: Optional[int] = None
    drip: float = 0.

    def to_bytes(self) -> bytes:
        headers = {
            'content-type': 'application/json',
            'content-length': str(len(self.body)),
            **self.headers
        }
        lines = [f'HTTP/1.1 {self.status} Answer']
        lines += [f'{name}: {value}' for name, value in headers.items()]
        return '\r\n'.join(lines).encode() + b'\r\n\r\n' + self.body


def completion(content, finish_reason: str = 'stop', **message) -> bytes:
    """The body of a chat completion."""
    return json.dumps(
        dict(
            id='chat-1',
            object='chat.completion',
            choices=[
                dict(
                    index=0,
                    message=dict(
                        role='assistant', content=content, **message),
                    finish_reason=finish_reason)
            ])).encode()


def error(message: str, code: Optional[str] = None) -> bytes:
    """The body of an error."""
    return json.dumps(dict(error=dict(message=message, code=code))).encode()


def chats(*captions: str) -> List[List[dict]]:
    """What a client asks about descriptions, a conversation each."""
    return [[dict(role='user', content=f'Caption: {caption}')]
            for caption in captions]


def final_answer(request: Request) -> str:
    """An answer about the description that the user gave last."""
    texts = request.texts or ['']
    # after an answer that it couldn't read, the client says only that
    asked = [text for text in texts if _GIVEN.search(text)] or texts
    described = _GIVEN.split(asked[-1])[-1]
    names = list(dict.fromkeys(_NAMES.findall(described.lower())))
    if not names:
        drawn = random.Random(zlib.crc32(described.encode()))
        names = drawn.sample(VOCABULARY, drawn.randint(0, 3))
    return f'Answer: {", ".join(names[:4]) or "none"}'


def _status(request: Request, code: str = '500') -> Reply:
    return Reply(error(f'This is a {code}.'), int(code))


#: What can be asked for by name, or by ``name:value``.
BEHAVIOURS: Dict[str, Callable[..., Reply]] = {
    'ok': lambda request: Reply(completion(final_answer(request))),
    'slow': lambda request, seconds='0.1': Reply(
        completion(final_answer(request)), delay=float(seconds)),
    'hang': lambda request, seconds='3600': Reply(delay=float(seconds)),
    'drip': lambda request, seconds='0.05': Reply(
        completion(final_answer(request)), drip=float(seconds)),
    'close': lambda request: Reply(cut=0),
    'cut': lambda request: Reply(completion('Answer: d'), cut=-20),
    'status': _status,
    'busy': lambda request, after='0.1': Reply(
        error('Too many requests.'), 429, {'retry-after': after}),
    'not-json': lambda request: Reply(b'{"choices": [{"mess'),
    'html': lambda request: Reply(
        b'<html><body>It works!</body></html>',
        headers={'content-type': 'text/html'}),
    'empty': lambda request: Reply(b''),
    'not-object': lambda request: Reply(b'["Answer: dog"]'),
    'no-choices': lambda request: Reply(b'{"id": "chat-1"}'),
    'empty-choices': lambda request: Reply(b'{"choices": []}'),
    'no-message': lambda request: Reply(b'{"choices": [{"index": 0}]}'),
    'null-content': lambda request: Reply(completion(None)),
    'number-content': lambda request: Reply(completion(7)),
    'latin-1': lambda request: Reply(
        '{"choices": [{"message": {"content": "Café"}}]}'.encode('latin-1')),
    'not-gzip': lambda request: Reply(
        completion('Answer: dog'), headers={'content-encoding': 'gzip'}),
    'no-http': lambda request: Reply(b'', 200, {'content-length': 'many'}),
    'deep': lambda request: Reply(b'[' * 200000),
    'huge': lambda request, size='67108864': Reply(b' ' * int(size)),
    'error-in-200': lambda request: Reply(error('The upstream is gone.')),
    'cut-off': lambda request: Reply(
        completion('There is a dog, a man and a', 'length')),
}


class _Connection(asyncio.Protocol):
    """One connection: a request at a time, kept alive."""

    def __init__(self, server: 'ChatServer') -> None:
        self.server = server
        self.buffer = b''
        self.transport = None
        self.waiting = None

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.server.connections += 1
        self.server.transports.add(transport)

    def connection_lost(self, error) -> None:
        self.server.transports.discard(self.transport)
        if self.waiting is not None:
            self.waiting.cancel()
            self._done()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(b'\r\n\r\n')
        if end < 0:
            return
        first, *lines = self.buffer[:end].decode('latin-1').split('\r\n')
        headers = {}
        for line in lines:
            name, _, value = line.partition(':')
            headers[name.lower()] = value.strip()
        size = end + 4 + int(headers.get('content-length', 0))
        if len(self.buffer) < size:
            return
        method, path, _ = first.split(' ')
        request = Request(method, path, headers, self.buffer[end + 4:size])
        self.buffer = self.buffer[size:]
        self.server.begin()
        reply = self.server.reply(request)
        if reply.delay or reply.drip:
            self.waiting = asyncio.ensure_future(self._late(reply))
        else:
            self.transport.write(self._bytes(reply))
            self._end(reply)

    async def _late(self, reply: Reply) -> None:
        await asyncio.sleep(reply.delay)
        data = self._bytes(reply)
        if reply.drip:
            end = data.find(b'\r\n\r\n') + 4
            self.transport.write(data[:end])
            for at in range(end, len(data)):
                await asyncio.sleep(reply.drip)
                self.transport.write(data[at:at + 1])
        else:
            self.transport.write(data)
        self._end(reply)

    def _bytes(self, reply: Reply) -> bytes:
        return reply.to_bytes()[:reply.cut]

    def _end(self, reply: Reply) -> None:
        self._done()
        if reply.cut is not None:
            self.transport.close()

    def _done(self) -> None:
        self.waiting = None
        self.server.in_flight -= 1


class ChatServer:
    """The server; a context manager that runs it in a thread.

    Args:
        behaviour (str | callable | Sequence): What is done with a request:
            the name of one of :data:`BEHAVIOURS`, 'name:value', or a
            function from :class:`Request` to :class:`Reply`. Of several, one
            is drawn each time. Defaults to 'ok'.
        script (Sequence): What is done with the first requests, one after
            the other. Defaults to nothing.
        share (float): Share of the requests that ``behaviour`` is for, the
            others being served. Defaults to 1.
        key (str, optional): The API key that is asked for.
        model (str): The model that is served. Defaults to 'tiny-chat'.
        keep (bool): Whether to keep the requests. Defaults to True.
        seed (int): Seed of the draws. Defaults to 0.
    """

    def __init__(self,
                 behaviour='ok',
                 script: Sequence = (),
                 share: float = 1.,
                 key: Optional[str] = None,
                 model: str = 'tiny-chat',
                 keep: bool = True,
                 seed: int = 0) -> None:
        single = isinstance(behaviour, str) or callable(behaviour)
        self.behaviours = [behaviour] if single else list(behaviour)
        self.script = collections.deque(script)
        self.share = share
        self.key = key
        self.model = model
        self.keep = keep
        self.random = random.Random(seed)
        self.requests: List[Request] = []
        self.times: List[float] = []
        self.transports = set()
        self.connections = self.served = 0
        self.in_flight = self.most_in_flight = 0
        self.address: Tuple[str, int] = ('', 0)

    @property
    def url(self) -> str:
        """The address without '/v1'."""
        host, port = self.address
        return f'http://{host}:{port}'

    @property
    def stats(self) -> dict:
        """Counts of requests and connections."""
        return dict(
            requests=self.served,
            connections=self.connections,
            most_in_flight=self.most_in_flight)

    def begin(self) -> None:
        """Note that a request has come."""
        self.served += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)

    def reply(self, request: Request) -> Reply:
        """Decide what is done with a request."""
        if request.path == '/stats':
            return Reply(json.dumps(self.stats).encode())
        if self.keep:
            self.requests.append(request)
            self.times.append(time.monotonic())
        if self.key is not None and (request.headers.get('authorization') !=
                                     f'Bearer {self.key}'):
            return Reply(error('Incorrect API key.', 'invalid_api_key'), 401)
        if (request.method, request.path) == ('GET', '/v1/models'):
            return Reply(
                json.dumps(dict(object='list',
                                data=[dict(id=self.model)])).encode())
        if (request.method, request.path) != ('POST', '/v1/chat/completions'):
            return Reply(b'{"detail": "Not Found"}', 404)
        if request.json['model'] != self.model:
            return Reply(
                error(f'The model `{request.json["model"]}` does not exist.',
                      'model_not_found'), 404)
        behaviour = 'ok'
        if self.script:
            behaviour = self.script.popleft()
        elif self.share >= 1 or self.random.random() < self.share:
            behaviour = self.behaviours[0] if len(
                self.behaviours) == 1 else self.random.choice(self.behaviours)
        if callable(behaviour):
            return behaviour(request)
        name, colon, value = behaviour.partition(':')
        return BEHAVIOURS[name](request, *([value] if colon else []))

    async def listen(self, port: int = 0):
        """Begin to listen on this machine, in the running event loop.

        Returns:
            asyncio.AbstractServer: The listening server.
        """
        server = await asyncio.get_running_loop().create_server(
            lambda: _Connection(self), '127.0.0.1', port, backlog=1024)
        self.address = server.sockets[0].getsockname()[:2]
        return server

    def __enter__(self) -> 'ChatServer':
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._run(self.listen())
        return self

    def __exit__(self, *error) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine,
                                                self._loop).result()

    async def _close(self) -> None:
        self._server.close()
        for transport in list(self.transports):
            transport.abort()
        await asyncio.sleep(0)


async def _serve(server: ChatServer, port: int,
                 port_file: Optional[str]) -> None:
    listening = await server.listen(port)
    if port_file:
        # whoever waits for the file finds it whole
        with open(f'{port_file}.partial', 'w') as file:
            file.write(str(server.address[1]))
        os.replace(f'{port_file}.partial', port_file)
    print(f'{server.url}/v1 serves {server.model}', flush=True)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    listening.close()
    print(json.dumps(server.stats), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description='An OpenAI-compatible chat server that can misbehave.')
    parser.add_argument('--port', type=int, default=0)
    parser.add_argument(
        '--port-file', help='where to write the port once it listens')
    parser.add_argument(
        '--behaviour',
        action='append',
        help='NAME or NAME:VALUE; several: one is drawn each time; one of '
        f'{", ".join(BEHAVIOURS)} (default: ok)')
    parser.add_argument(
        '--share',
        type=float,
        default=1.,
        help='share of the requests that misbehave so (default: 1)')
    parser.add_argument('--model', default='tiny-chat')
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    behaviours = args.behaviour or ['ok']
    for behaviour in behaviours:
        if behaviour.partition(':')[0] not in BEHAVIOURS:
            parser.error(f'--behaviour {behaviour}: unknown')
    server = ChatServer(
        behaviours,
        share=args.share,
        model=args.model,
        keep=False,
        seed=args.seed)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(server, args.port, args.port_file))


if __name__ == '__main__':
    main()
