# Copyright (c) mmteso contributors. All rights reserved.
"""Against a real server that misbehaves: tests/chat_server.py."""
import asyncio
import gc
import json
import logging
import random
import re
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from chat_server import ChatServer, Reply, completion, error, final_answer

from mmteso.text_cues import (REASONERS, ChatFailure, Frame,
                              ModelUnavailableError, Reasoning)
from mmteso.text_cues.parser import CueParseError
from mmteso.text_cues.reasoners import (OpenAIReasoner, base_reasoner,
                                        chat_client)

pytest.importorskip('httpx')
pytest.importorskip('tenacity')

KEY = 'sk-very/secret+0123456789'
ENV = 'MMTESO_TEST_KEY'
QUICK = dict(
    prompt='zero_shot_direct',
    timeout=20.,
    max_retries=2,
    backoff=.01,
    max_backoff=.02)


def chats(*texts):
    return [[dict(role='user', content=f'Caption: {t}')] for t in texts]


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    for name in ('OPENAI_API_KEY', 'ALL_PROXY', 'HTTP_PROXY', 'HTTPS_PROXY',
                 'NO_PROXY'):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def connect():
    """A reasoner for a server, closed in the end."""
    made = []

    def make(server, **arguments):
        made.append(
            OpenAIReasoner(server.url, server.model, **{
                **QUICK,
                **arguments
            }))
        return made[-1]

    yield make
    for reasoner in made:
        reasoner.close()


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv(ENV, KEY)
    return dict(api_key_env=ENV)


def test_a_request_says_what_was_configured(connect):
    with ChatServer() as server:
        reasoner = connect(
            server, max_tokens=7, extra_body=dict(seed=1, stop=['\n']))
        conversation = [
            dict(role='system', content='Be brief.'),
            dict(role='user', content='Caption: a dög and a man')
        ]
        assert reasoner.chat([conversation]) == ['Answer: man']
        request, = server.requests
        assert request.json == dict(
            model=server.model,
            messages=conversation,
            temperature=0,
            max_tokens=7,
            seed=1,
            stop=['\n'])
        assert 'authorization' not in request.headers
        connect(
            server, temperature=None, max_tokens=None).chat(chats('a dog'))
        assert server.requests[-1].json.keys() == {'model', 'messages'}
        assert reasoner.chat([]) == []
        # what the cue file records
        assert reasoner.name == server.model


@pytest.mark.parametrize('suffix', ['', '/', '/v1', '/v1/'])
def test_addresses(connect, suffix):
    with ChatServer() as server:
        reasoner = OpenAIReasoner(server.url + suffix, server.model)
        assert reasoner.chat(chats('a dog')) == ['Answer: dog']
        reasoner.close()


def test_order_under_concurrency(connect):
    draw = random.Random(0)
    with ChatServer(lambda request: Reply(
            completion(request.texts[-1]),
            delay=draw.random() / 20)) as server:
        texts = [f'picture {i}' for i in range(60)]
        answers = connect(server, concurrency=8).chat(chats(*texts))
        assert answers == [f'Caption: {text}' for text in texts]
        # it came in another order
        finished = [request.texts[-1] for request in server.requests]
        assert sorted(finished) == sorted(answers)
        assert server.most_in_flight == 8


def test_concurrency_is_reached_and_connections_are_kept(connect):
    with ChatServer('slow:0.1') as server:
        reasoner = connect(server, concurrency=5)
        reasoner.chat(chats('a dog'))
        start = time.monotonic()
        for _ in range(2):
            assert len(set(reasoner.chat(chats(*['a dog'] * 20)))) == 1
        seconds = time.monotonic() - start
        assert server.stats == dict(
            requests=41, connections=5, most_in_flight=5)
        # 4.0 s one by one, 0.8 s at the best
        assert .8 <= seconds < 3


PASSING = {
    'status:408': 'HTTP 408',
    'status:409': 'HTTP 409',
    'status:425': 'HTTP 425',
    'status:429': r'HTTP 429 \("This is a 429."\)',
    'status:500': 'HTTP 500',
    'status:503': 'HTTP 503',
    'close': '(RemoteProtocolError|ReadError)',
    'cut': '(RemoteProtocolError|ReadError)',
    'no-http': 'RemoteProtocolError',
    'not-gzip': 'DecodingError',
    'not-json': 'no JSON but "{"choices": \\[{"mess"',
    'html': 'no JSON but "<html><body>It works!',
    'empty': 'no JSON but ""',
    'latin-1': 'no JSON but .*Caf\ufffd',
    'deep': r'no JSON but "\[\[',
    'not-object': 'no choices.*but is .*Answer: dog',
    'no-choices': 'no choices',
    'empty-choices': 'no choices',
    'no-message': 'no choices',
    'null-content': 'not a string but None',
    'number-content': 'not a string but 7',
    'error-in-200': 'an error: The upstream is gone',
    'huge:5000000': 'longer than 4194304 bytes',
}


@pytest.mark.parametrize('behaviour', PASSING)
def test_what_passes_is_tried_again(connect, behaviour):
    # two of three attempts fail, then three of three
    with ChatServer(script=[behaviour] * 5) as server:
        reasoner = connect(server)
        server.script.insert(2, 'ok')
        assert reasoner.chat(chats('a dog')) == ['Answer: dog']
        assert server.served == 3
        failure, = reasoner.chat(chats('a cat'))
        assert server.served == 6
        assert reasoner.chat(chats('a man')) == ['Answer: man']
    assert isinstance(failure, ChatFailure)
    assert re.match(
        f'No answer; the last of 3 attempts: .*{PASSING[behaviour]}',
        failure.error)


@pytest.mark.parametrize('behaviour', ['hang', 'drip:0.03'])
def test_timeout(connect, behaviour):
    """In all: bytes that drip don't start it anew."""
    with ChatServer(script=[behaviour] * 2) as server:
        reasoner = connect(server, timeout=.3, max_retries=1)
        start = time.monotonic()
        failure, = reasoner.chat(chats('a dog'))
        assert 'timed out after 0.3 s' in failure.error
        assert .6 <= time.monotonic() - start < 4
        assert reasoner.chat(chats('a dog')) == ['Answer: dog']


def test_a_body_without_end_is_not_read_to_its_end(connect, monkeypatch):
    monkeypatch.setattr(chat_client, '_MAX_BYTES', 100)
    with ChatServer(
            lambda request: Reply(b' ' * 10**6, drip=1e-4)) as server:
        failure, = connect(server, max_retries=0).chat(chats('a dog'))
        assert 'longer than 100 bytes' in failure.error


def test_most_requests_fail_and_no_answer_is_lost(connect):
    names = [name for name in PASSING if not name.startswith('huge')]
    with ChatServer(names, share=.5) as server:
        texts = [f'{what} {i}' for i in range(20)
                 for what in ('a dog', 'a cat', 'a man')]
        answers = connect(server, max_retries=30).chat(chats(*texts))
        assert answers == ['Answer: dog', 'Answer: cat', 'Answer: man'] * 20
        assert server.served > 80


def test_retry_after(connect):
    with ChatServer(script=['busy:0.3']) as server:
        reasoner = connect(server, max_backoff=5.)
        assert reasoner.chat(chats('a dog')) == ['Answer: dog']
        first, second = server.times
        assert .3 <= second - first < 4


@pytest.mark.parametrize(
    'after', ['1000', 'inf', 'Fri, 31 Dec 9999 23:59:59 GMT'])
def test_retry_after_is_capped(connect, after):
    with ChatServer(script=[f'busy:{after}']) as server:
        assert connect(server).chat(chats('a dog')) == ['Answer: dog']
        assert server.times[1] - server.times[0] < 10


def test_waits_grow_and_are_random():
    class State:
        outcome = type('', (), dict(
            exception=lambda: chat_client.PassingError('')))

    async def waits(attempt):
        client = chat_client.ChatClient('http://h/v1', {}, 1, 1, 1, 1, 1., 10.,
                                        None, False)
        State.attempt_number = attempt
        return [client._wait(State) for _ in range(300)]

    for attempt, longest in [(1, 1), (2, 2), (4, 8), (5, 10), (5000, 10)]:
        drawn = asyncio.run(waits(attempt))
        assert 0 <= min(drawn) < .1 * longest
        assert .9 * longest < max(drawn) <= longest


def test_a_refused_conversation_fails_alone(connect):
    def refuse(request):
        if 'cat' in request.texts[-1]:
            return Reply(error('Too long:\n\x1b[31m 4097 tokens'), 400)
        return Reply(completion('Answer: dog'))

    with ChatServer(refuse) as server:
        answers = connect(server).chat(chats('a dog', 'a cat', 'a dog'))
        assert answers == [
            'Answer: dog',
            ChatFailure('HTTP 400 ("Too long: [31m 4097 tokens").'),
            'Answer: dog'
        ]
        assert server.served == 3


def test_key(connect, key, monkeypatch):
    with ChatServer(key=KEY) as server:
        assert connect(server, **key).chat(chats('a dog')) == ['Answer: dog']
        assert server.requests[-1].headers['authorization'] == f'Bearer {KEY}'
        # as $(cat FILE) in some shells, or a careless .env file
        monkeypatch.setenv('OPENAI_API_KEY', f' {KEY}\n')
        assert connect(server).chat(chats('a dog')) == ['Answer: dog']
        with pytest.raises(
                ModelUnavailableError,
                match=r'/v1: HTTP 401 \("Incorrect API key."\). No API key '
                'was sent: api_key_env is None'):
            connect(server, api_key_env=None).chat(chats('a dog'))
        assert 'authorization' not in server.requests[-1].headers
        monkeypatch.setenv(ENV, ' ')
        with pytest.raises(
                ModelUnavailableError, match=f'{ENV} is not set, or empty'):
            connect(server, **key).chat(chats('a dog'))
        monkeypatch.setenv(ENV, 'sk-wrong')
        with pytest.raises(ModelUnavailableError, match=f'variable {ENV}'):
            connect(server, **key).chat(chats('a dog'))
        # none of it was tried again
        assert server.served == 5


@pytest.mark.parametrize('bad', ['sk-\nsecret', 'sk-secret-ü'])
def test_what_is_no_key(connect, key, monkeypatch, bad):
    monkeypatch.setenv(ENV, bad)
    with ChatServer() as server:
        reasoner = connect(server, **key)
        for _ in range(2):
            with pytest.raises(ModelUnavailableError, match=ENV) as refusal:
                reasoner.chat(chats('a dog'))
            assert 'secret' not in str(refusal.value)
        assert not server.served
    assert no_threads()


@pytest.mark.parametrize('status', [200, 301, 400, 401, 402, 404, 407, 418,
                                    429, 500])
@pytest.mark.parametrize('form', [
    lambda text: error(f'Incorrect API key provided: {text}'),
    lambda text: f'{"x" * 290}{text}'.encode(),
    lambda text: completion(f'Answer: {text}'),
    lambda text: f'{text[:9]}\x07{text[9:]}'.encode(),
])
def test_a_repeated_key_is_hidden(connect, key, caplog, capfd, status, form):
    def repeat(request):
        said = request.headers['authorization']
        return Reply(form(said), status, dict(location=f'http://h/?k={said}'))

    with ChatServer(repeat) as server, caplog.at_level(logging.INFO):
        reasoner = connect(server, max_retries=1, **key)
        try:
            answer, = reasoner.chat(chats('a dog'))
            shown = str(answer)
        except ModelUnavailableError as stop:
            shown = str(stop)
        shown += repr(reasoner) + caplog.text + ''.join(capfd.readouterr())
        for part in (KEY, KEY[:12], KEY[-12:]):
            assert part not in shown


def test_a_key_that_is_no_secret_is_left_in_answers(connect, key,
                                                    monkeypatch):
    monkeypatch.setenv(ENV, 'none')
    with ChatServer(lambda request: Reply(completion('none'))) as server:
        assert connect(server, **key).chat(chats('a wall')) == ['none']


@pytest.mark.parametrize('place', ['api_key', 'extra_body'])
def test_no_key_in_a_config(place):
    config = dict(type='OpenAIReasoner', base_url='http://h', model='m')
    config.update(
        api_key=KEY) if place == 'api_key' else config.update(
            extra_body=dict(api_key=KEY))
    with pytest.raises(ValueError, match='environment variable') as refusal:
        REASONERS.build(config)
    assert KEY not in str(refusal.value)


def test_403_before_and_after_the_first_answer(connect):
    with ChatServer(script=['status:403', 'ok', 'status:403']) as server:
        reasoner = connect(server)
        with pytest.raises(ModelUnavailableError, match='HTTP 403.*API key'):
            reasoner.chat(chats('a dog'))
        assert reasoner.chat(chats('a dog')) == ['Answer: dog']
        failure, = reasoner.chat(chats('a gun'))
        assert failure.error.startswith('HTTP 403')


def test_unknown_model(connect):
    with ChatServer(model='llama-2') as server:
        server_of_other = type('', (), dict(url=server.url, model='lama-2'))
        with pytest.raises(
                ModelUnavailableError,
                match=r'HTTP 404 \("The model `lama-2` does not exist."\). '
                'There is no model "lama-2"; the server offers: llama-2'):
            connect(server_of_other).chat(chats('a dog'))


@pytest.mark.parametrize('models', [
    Reply(b'{"detail": "Not Found"}', 404),
    Reply(b'<html>'),
    Reply(b'{"data": [7]}'),
    Reply(delay=3600),
    Reply(b' ' * 5 * 2**20),
])
def test_unknown_path(connect, monkeypatch, models):
    with ChatServer() as server:
        monkeypatch.setattr(
            server, 'reply', lambda request: models
            if request.method == 'GET' else Reply(b'', 404))
        with pytest.raises(
                ModelUnavailableError,
                match='HTTP 404. Is base_url the address of the API'):
            connect(server, timeout=1.).chat(chats('a dog'))


@pytest.mark.parametrize('reply, message', [
    (Reply(error('Pay.'), 402), 'No credit'),
    (Reply(error('Quota.', 'insufficient_quota'), 429), 'No credit'),
    (Reply(b'', 405), 'base_url'),
    (Reply(b'', 407), 'HTTP 407'),
])
def test_what_concerns_all_conversations(connect, reply, message):
    with ChatServer(lambda request: reply) as server:
        with pytest.raises(ModelUnavailableError, match=message):
            connect(server, concurrency=2).chat(chats(*'abcdefgh'))
        # the rest of the batch was not sent
        assert len([r for r in server.requests if r.method == 'POST']) < 8


def test_a_redirection_is_not_followed(connect, key):
    with ChatServer() as other, ChatServer(lambda request: Reply(
            b'', 307, dict(location=f'{other.url}{request.path}'))) as server:
        with pytest.raises(ModelUnavailableError, match='307.*set base_url'):
            connect(server, **key).chat(chats('a dog'))
        assert not other.served


def nobody():
    """A server that has gone."""
    with ChatServer() as server:
        pass
    return server


def test_no_server(connect):
    with pytest.raises(
            ModelUnavailableError,
            match='No answer; the last of 3 attempts: ConnectError.*Is the '
            'server running') as stop:
        connect(nobody()).chat(chats('a dog', 'a cat'))
    assert 'proxy' not in str(stop.value)


def test_a_connection_that_fails_now_and_then(connect, monkeypatch):
    import httpx
    fetch = chat_client.ChatClient._fetch

    async def lossy(self, *args, content, headers):
        if b'cat' in content:
            raise httpx.ConnectError('')
        return await fetch(
            self, *args, content=content, headers=headers)

    monkeypatch.setattr(chat_client.ChatClient, '_fetch', lossy)
    with ChatServer() as server:
        answers = connect(server).chat(chats('a dog', 'a cat'))
        assert answers[0] == 'Answer: dog'
        assert 'ConnectError' in answers[1].error
        # into the cue file goes the reason, not the address
        assert server.url not in answers[1].error


def test_proxies(connect, monkeypatch):
    monkeypatch.setenv('HTTP_PROXY', nobody().url)
    with ChatServer() as server:
        assert connect(server).chat(chats('a dog')) == ['Answer: dog']
        with pytest.raises(
                ModelUnavailableError,
                match=r'proxy of the environment \(HTTP_PROXY\) is used'):
            connect(server, trust_env=True).chat(chats('a dog'))
    with pytest.raises(ModelUnavailableError, match='HTTP_PROXY. is not used'):
        connect(nobody()).chat(chats('a dog'))


def no_threads():
    return not any(thread.name == 'OpenAIReasoner'
                   for thread in threading.enumerate())


def test_any_thread_may_ask(connect):
    async def notebook(reasoner):
        return reasoner.chat(chats('a cat'))

    with ChatServer('slow:0.01') as server:
        reasoner = connect(server, concurrency=3)
        with ThreadPoolExecutor(4) as pool:
            jobs = [pool.submit(reasoner.chat, chats(*['a dog'] * 5))
                    for _ in range(8)]
            assert all(job.result() == ['Answer: dog'] * 5 for job in jobs)
        assert asyncio.run(notebook(reasoner)) == ['Answer: cat']
        # the limit is the server's, whoever asks
        assert server.most_in_flight == 3 and server.connections == 3
        reasoner.close()
        reasoner.close()
        assert no_threads()
        assert reasoner.chat(chats('a dog')) == ['Answer: dog']


def test_nothing_is_left_of_a_forgotten_reasoner():
    with ChatServer() as server:
        reasoner = OpenAIReasoner(server.url, server.model, **QUICK)
        reasoner.chat(chats('a dog'))
        assert not no_threads()
        del reasoner
        gc.collect()
        assert no_threads()
        end = time.monotonic() + 10
        while server.transports and time.monotonic() < end:
            time.sleep(.01)
        assert not server.transports


def read_strictly(text, num_cues):
    """What the parser makes of answers is tested elsewhere."""
    if not text.startswith('Answer: '):
        raise CueParseError('no answer')
    return tuple(text[8:].split(', '))


def test_reason(connect, monkeypatch):
    """Captions to cues; a second, stricter question; and failures."""
    monkeypatch.setattr(base_reasoner, 'parse_cues', read_strictly)

    def answer(request):
        first, last = request.texts[0], request.texts[-1]
        if 'horse' in first:
            return Reply(error('Filtered.'), 400)
        if 'train' in first:
            return Reply(completion('There is a', 'length'))
        if 'cat' in first and 'could not be read' not in last:
            return Reply(completion('A cat!'))
        return Reply(completion(final_answer(request)))

    with ChatServer(answer) as server:
        found = connect(server).reason(
            [Frame(f'clip {i}', 0, '') for i in range(4)],
            ['a man with a dog', 'a cat', 'a horse', 'a train'])
        assert found == [
            Reasoning(('man', 'dog'), 'Answer: man, dog'),
            Reasoning(('cat', ), 'Answer: cat'),
            Reasoning((), '', 'HTTP 400 ("Filtered.").'),
            Reasoning((), 'There is a\n---\nThere is a',
                      'no answer. The answer was cut off at max_tokens=512.')
        ]
        assert server.served == 6


def test_trying_again_is_logged_now_and_then(connect, monkeypatch):
    told = []
    monkeypatch.setattr(
        chat_client, 'print_log', lambda text, **kwargs: told.append(text))
    with ChatServer(script=['status:500'] * 5) as server:
        connect(server, max_retries=5).chat(chats('a dog'))
    assert told == [f'{server.url}/v1: attempt 1 of 6 failed, trying again: '
                    'HTTP 500 ("This is a 500.")']


@pytest.mark.parametrize('arguments, message', [
    (dict(base_url='server'), 'base_url'),
    (dict(model=''), 'model must not be empty'),
    (dict(extra_body=dict(stream=True)), r"\['stream'\]"),
    (dict(extra_body=dict(model='x', messages=[])), r"'messages', 'model'"),
    (dict(extra_body=dict(stop={'a'})), 'JSON'),
    (dict(concurrency=0), 'concurrency'),
    (dict(concurrency=1.5), 'concurrency'),
    (dict(max_retries=-1), 'max_retries'),
    (dict(timeout=0), 'timeout must be positive'),
    (dict(connect_timeout=float('nan')), 'connect_timeout'),
    (dict(backoff=2, max_backoff=1), 'backoff <= max_backoff'),
    (dict(num_cues=0), 'num_cues'),
])
def test_impossible_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        OpenAIReasoner(**{**dict(base_url='http://h', model='m'),
                          **arguments})


@pytest.mark.parametrize('package', ['httpx', 'tenacity'])
def test_missing_package(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=r"pip install 'mmteso\[text\]'"):
        OpenAIReasoner('http://h', 'm')


def test_config():
    reasoner = REASONERS.build(
        dict(
            type='OpenAIReasoner',
            base_url='http://h',
            model='m',
            extra_body=dict(seed=0)))
    assert isinstance(reasoner, OpenAIReasoner)
    assert json.dumps(repr(reasoner)) == json.dumps(
        "OpenAIReasoner(base_url='http://h/v1', model='m', "
        "prompt='few_shot_cot')")
