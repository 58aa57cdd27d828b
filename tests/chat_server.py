# Copyright (c) mmteso contributors. All rights reserved.
"""A small OpenAI-compatible chat server that can misbehave.

In a test::

    with ChatServer(script=['cut', 500]) as server:
        reasoner = OpenAIReasoner(server.url, server.model)

From a shell, ``python tests/chat_server.py`` prints its address. It answers
at once, with objects of the description in the prompt or, where no
description holds any, with names drawn from it.
"""
import json
import random
import re
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VOCABULARY = ('accordion', 'baby', 'bird', 'car', 'cat', 'dog', 'drum',
              'guitar', 'helicopter', 'horse', 'man', 'piano', 'train',
              'trumpet', 'violin', 'woman', 'red disc', 'orange star')
_NAMES = re.compile(rf'\b(?:{"|".join(VOCABULARY)})\b')


def objects(request):
    """Names from the description that the user gave last."""
    described = [message['content'].split('Caption:')[-1]
                 for message in request['messages'] if message['role'] ==
                 'user' and 'Caption:' in message['content']] or ['']
    names = list(dict.fromkeys(_NAMES.findall(described[-1].lower())))
    if not names:
        drawn = random.Random(zlib.crc32(described[-1].encode()))
        names = drawn.sample(VOCABULARY, drawn.randint(0, 3))
    return names[:4]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *args):
        pass

    def do_POST(self):
        server = self.server.owner
        size = int(self.headers['content-length'])
        request = json.loads(self.rfile.read(size))
        with server.lock:
            server.requests.append(request)
            server.headers.append(dict(self.headers))
            server.in_flight += 1
            server.most_in_flight = max(server.most_in_flight,
                                        server.in_flight)
            reply = next(server.script, None)
        try:
            time.sleep(server.delay)
            self._answer(server, request, reply)
        finally:
            with server.lock:
                server.in_flight -= 1

    def _answer(self, server, request, reply):
        schema = request.get('response_format')
        if server.key and self.headers['authorization'] != \
                f'Bearer {server.key}':
            reply = 401
        elif request['model'] != server.model or \
                self.path != '/v1/chat/completions':
            reply = 404
        elif schema and server.schema == 'refuse':
            reply = 400
        if reply is None:
            names = objects(request)
            reply = f'They may sound.\nAnswer: {", ".join(names) or "none"}'
            if schema and server.schema == 'keep':
                reply = json.dumps(dict(sounding_objects=names))
        if reply == 'cut':
            self.wfile.write(b'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{')
            self.close_connection = True
            return
        status = reply if isinstance(reply, int) else 200
        if isinstance(reply, int):
            reply = dict(error=dict(message=f'This is {status} for '
                                    f'{self.headers["authorization"]}.'))
        elif not isinstance(reply, bytes):
            if isinstance(reply, str):
                reply = dict(content=reply)
            reason = dict(reply).pop('finish_reason', 'stop')
            reply = dict(choices=[dict(index=0, finish_reason=reason,
                                       message=dict(reply, role='assistant'))])
        body = reply if isinstance(reply, bytes) else json.dumps(
            reply).encode()
        self.send_response(status)
        self.send_header('content-type', 'application/json')
        self.send_header('content-length', str(len(body)))
        self.send_header('retry-after-ms', '10')
        self.end_headers()
        self.wfile.write(body)


class ChatServer:
    """The server; a context manager that runs it in a thread.

    Args:
        script (Iterable): Replies to the first requests: a status, a text,
            the body's bytes, a message as a dict, 'cut' or None (as usual).
        schema (str): What is done about ``response_format``: 'keep',
            'ignore' or 'refuse'.
        key (str, optional): The API key that is asked for.
        model (str): The model that is served.
        delay (float): Seconds until an answer.
    """

    def __init__(self, script=(), schema='keep', key=None, model='tiny-chat',
                 delay=0.):
        self.script, self.schema, self.key = iter(script), schema, key
        self.model, self.delay = model, delay
        self.requests, self.headers = [], []
        self.in_flight = self.most_in_flight = 0
        self.lock = threading.Lock()

    @property
    def url(self):
        """The address without '/v1'."""
        return 'http://{}:{}'.format(*self._server.server_address)

    def __enter__(self):
        self._server = ThreadingHTTPServer(('127.0.0.1', 0), _Handler)
        self._server.daemon_threads = True
        self._server.owner = self
        threading.Thread(
            target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error):
        self._server.shutdown()
        self._server.server_close()


if __name__ == '__main__':
    with ChatServer() as chat_server:
        print(chat_server.url, flush=True)
        threading.Event().wait()
