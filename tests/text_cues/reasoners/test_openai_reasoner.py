# Copyright (c) mmteso contributors. All rights reserved.
"""Configs, keys, threads and reasoning; see also test_chat_client.py."""
import asyncio
import gc
import json
import logging
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from chat_server import (ChatServer, Reply, chats, completion, error,
                         final_answer)

from mmteso.text_cues import REASONERS, Frame, ModelUnavailableError, Reasoning
from mmteso.text_cues.parser import CueParseError
from mmteso.text_cues.reasoners import OpenAIReasoner, base_reasoner

pytest.importorskip('httpx')
pytest.importorskip('tenacity')

KEY = 'sk-very/secret+0123456789'
ENV = 'MMTESO_TEST_KEY'


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


def test_a_redirection_is_not_followed(connect, key):
    with ChatServer() as other, ChatServer(lambda request: Reply(
            b'', 307, dict(location=f'{other.url}{request.path}'))) as server:
        with pytest.raises(ModelUnavailableError, match='307.*set base_url'):
            connect(server, **key).chat(chats('a dog'))
        assert not other.served


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
        reasoner = OpenAIReasoner(server.url, server.model)
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


def test_a_wrong_model_is_found_before_the_first_frame():
    with ChatServer(model='tiny-chat') as server:
        reasoner = OpenAIReasoner(server.url, 'other')
        with pytest.raises(ModelUnavailableError, match='tiny-chat'):
            reasoner.prepare([])
        OpenAIReasoner(server.url, 'tiny-chat').prepare([])
