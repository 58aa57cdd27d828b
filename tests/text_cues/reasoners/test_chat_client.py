# Copyright (c) mmteso contributors. All rights reserved.
"""Against a real server that misbehaves: tests/chat_server.py."""
import asyncio
import random
import re
import time

import pytest
from chat_server import ChatServer, Reply, chats, completion, error

from mmteso.text_cues import ChatFailure, ModelUnavailableError
from mmteso.text_cues.reasoners import chat_client


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
    pytest.importorskip('tenacity')

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


def test_no_server(connect, nobody):
    with pytest.raises(
            ModelUnavailableError,
            match='No answer; the last of 3 attempts: ConnectError.*Is the '
            'server running') as stop:
        connect(nobody).chat(chats('a dog', 'a cat'))
    assert 'proxy' not in str(stop.value)


def test_a_connection_that_fails_now_and_then(connect, monkeypatch):
    httpx = pytest.importorskip('httpx')
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


def test_proxies(connect, nobody, monkeypatch):
    monkeypatch.setenv('HTTP_PROXY', nobody.url)
    with ChatServer() as server:
        assert connect(server).chat(chats('a dog')) == ['Answer: dog']
        with pytest.raises(
                ModelUnavailableError,
                match=r'proxy of the environment \(HTTP_PROXY\) is used'):
            connect(server, trust_env=True).chat(chats('a dog'))
    with pytest.raises(ModelUnavailableError, match='HTTP_PROXY. is not used'):
        connect(nobody).chat(chats('a dog'))


def test_trying_again_is_logged_now_and_then(connect, monkeypatch):
    told = []
    monkeypatch.setattr(
        chat_client, 'print_log', lambda text, **kwargs: told.append(text))
    with ChatServer(script=['status:500'] * 5) as server:
        connect(server, max_retries=5).chat(chats('a dog'))
    assert told == [f'{server.url}/v1: attempt 1 of 6 failed, trying again: '
                    'HTTP 500 ("This is a 500.")']
