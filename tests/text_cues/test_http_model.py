# Copyright (c) mmteso contributors. All rights reserved.
import base64
import io
import json
import threading

import pytest
from chat_server import ChatServer
from instant_models import ColourCaptioner
from PIL import Image

from mmteso.io import CueFile
from mmteso.text_cues import (CAPTIONERS, REASONERS, ChatFailure, CueGenerator,
                              Frame, LoadedFrame, ModelUnavailableError)

pytest.importorskip('openai')
from mmteso.text_cues.http_model import HTTPModel  # noqa: E402


def chats(*captions):
    return [[dict(role='user', content=f'Caption: {c}')] for c in captions]


def test_answers_in_order_side_by_side():
    captions = ['A dog.', 'A cat.', 'A bird.', 'A drum.', 'A man.', 'A car.']
    with ChatServer(delay=0.2) as server:
        model = HTTPModel(
            server.url, server.model, concurrency=3, extra_body=dict(seed=1))
        answers = model.chat(chats(*captions))
        assert [a.split()[-1] for a in answers] == [
            'dog', 'cat', 'bird', 'drum', 'man', 'car']
        assert 1 < server.most_in_flight <= 3
        request = server.requests[0]
        assert (request['temperature'], request['max_tokens'],
                request['seed']) == (0, 512, 1)
        # from any thread
        thread = threading.Thread(
            target=lambda: answers.append(model.chat(chats('A dog.'))))
        thread.start()
        thread.join()
        assert 'dog' in answers[-1][0]
        HTTPModel(server.url, server.model, temperature=None,
                  max_tokens=None).chat(chats('x'))
        assert not {'temperature', 'max_tokens'} & set(server.requests[-1])


def test_what_passes_is_repeated():
    with ChatServer(script=[500, 429, 'cut', 408]) as server:
        model = HTTPModel(server.url, server.model, concurrency=1)
        assert 'dog' in model.chat(chats('A dog.'))[0]
        assert len(server.requests) == 5


def test_what_fails_fails_alone():
    script = [None, 400, b'<html>', b'{"id": "x"}', b'[]',
              dict(content=None, reasoning_content='Answer: dog')]
    with ChatServer(script=script) as server:
        model = HTTPModel(
            server.url, server.model, concurrency=1, max_retries=0)
        answers = model.chat(chats(*'abcdef'))
    assert isinstance(answers[0], str)
    assert all(isinstance(a, ChatFailure) for a in answers[1:])
    assert [a.refused for a in answers[1:]] == [True] + 4 * [False]
    assert 'reasons first' in answers[-1].error


def test_a_server_that_serves_nobody(monkeypatch):
    monkeypatch.setenv('MY_KEY', 'secret-of-mine')
    with ChatServer(key='another') as server:
        model = HTTPModel(server.url, server.model, api_key_env='MY_KEY')
        with pytest.raises(ModelUnavailableError, match='401') as error:
            model.chat(chats('a', 'b'))
        assert server.headers[0]['authorization'] == 'Bearer secret-of-mine'
        assert 'secret' not in str(error.value)
        server.key = 'secret-of-mine'
        assert isinstance(model.chat(chats('a'))[0], str)
        with pytest.raises(ModelUnavailableError, match='404'):
            HTTPModel(server.url, 'other', api_key_env='MY_KEY').chat(
                chats('a'))
        url = server.url
    with pytest.raises(ModelUnavailableError, match='onnection'):
        HTTPModel(url, 'gone', max_retries=0).chat(chats('a', 'b'))


@pytest.mark.parametrize('url', ['', 'HOST:8000/v1', 'http://me:pw@host/v1'])
def test_addresses_that_are_none(url):
    with pytest.raises(ValueError, match='base_url') as error:
        HTTPModel(url, 'm')
    assert 'pw@' not in str(error.value)


def test_captioner_sends_the_picture():
    image = Image.new('RGB', (7, 5), (10, 200, 30))
    with ChatServer(script=['A green square.', 400]) as server:
        captioner = CAPTIONERS.build(dict(type='OpenAICaptioner',
                                          base_url=server.url,
                                          model=server.model, concurrency=1))
        frame = LoadedFrame(Frame('a', 0, 'a.png'), (image, ))
        good, bad = captioner.caption([frame, frame])
        picture, text = server.requests[0]['messages'][0]['content']
    assert good == 'A green square.' and isinstance(bad, ChatFailure)
    kind, data = picture['image_url']['url'].split(',')
    assert kind == 'data:image/png;base64'
    sent = Image.open(io.BytesIO(base64.b64decode(data)))
    assert sent.size == (7, 5) and sent.getpixel((0, 0)) == (10, 200, 30)
    assert text['text'].startswith('Please carefully')
    assert captioner.prompt_hash and captioner.name == 'tiny-chat'


def test_a_server_in_trouble_leaves_no_frame_out(tmp_path, monkeypatch,
                                                 warned):
    """Away for a minute, busy, half sentences, another model, refusals: the
    run ends, and says of each frame what became of it."""
    clock = [0.]

    async def wait(seconds):
        clock[0] += seconds

    monkeypatch.setattr('openai._base_client.anyio.sleep', wait)
    answer = 'Answer: dog'

    def script():
        yield 'ok'  # before the first frame
        while clock[0] < 60:
            yield 'cut'
        yield from (answer, None, 429, 429, 503, answer)
        yield 'They may sound, because the'
        yield json.dumps(dict(model='another', choices=[
            dict(message=dict(content=answer))])).encode()
        yield from (400, b'{"choices": [', dict(content=None))

    frames = [Frame('clip', number, '') for number in range(8)]
    path = str(tmp_path / 'cues.jsonl')
    with ChatServer(script=script(), schema='ignore') as server:
        reasoner = REASONERS.build(dict(type='OpenAIReasoner',
                                        base_url=server.url,
                                        model=server.model, concurrency=1))
        captioner = ColourCaptioner(reads=None)
        captioner.caption = lambda batch: ['A dog.'] * len(batch)
        CueGenerator(captioner, reasoner, batch_size=1).run(frames, path)
    records = CueFile(path)
    assert list(records) == [frame.key for frame in frames]
    assert [record.status for record in records.values()] == [
        'ok', 'ok', 'failed', 'ok', 'failed', 'failed', 'failed', 'ok']
    assert all((record.status == 'failed') == bool(record.error)
               for record in records.values())
    assert 60 <= clock[0] < 120
    assert any("'another' answers" in line for line in warned)
