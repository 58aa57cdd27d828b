# Copyright (c) mmteso contributors. All rights reserved.
"""What other tests rely on, and the command."""
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from chat_server import BEHAVIOURS, ChatServer, Request, final_answer
from processes import ROOT, run


def post(url, *texts, model='tiny-chat'):
    body = json.dumps(
        dict(
            model=model,
            messages=[dict(role='user', content=text) for text in texts]))
    request = urllib.request.Request(
        f'{url}/v1/chat/completions', body.encode())
    with urllib.request.build_opener(
            urllib.request.ProxyHandler({})).open(request) as response:
        return json.load(response)['choices'][0]['message']['content']


def answer(*texts):
    messages = [dict(role='user', content=text) for text in texts]
    return final_answer(
        Request('', '', {}, json.dumps(dict(messages=messages)).encode()))


def test_answers_come_from_the_last_description():
    assert answer('Caption: A man\nhits a dog.') == 'Answer: man, dog'
    assert answer('Which of cat and bird? Description: a '
                  'Man, a dog, a man') == 'Answer: man, dog'
    assert answer('Caption: a cat', 'Caption: a dog') == 'Answer: dog'
    # the second, stricter question has no description
    assert answer('Caption: a cat', 'Again, please: man or dog?'
                  ) == 'Answer: cat'
    assert answer('Caption: ' + 'dog cat man car bird') == (
        'Answer: dog, cat, man, car')


def test_an_answer_is_drawn_from_a_description_without_known_objects():
    drawn = [answer(f'Caption: {i} lorem ipsum') for i in range(50)]
    assert len(set(drawn)) > 20 and 'Answer: none' in drawn
    assert drawn == [answer(f'Caption: {i} lorem ipsum') for i in range(50)]
    # a demonstration in the prompt doesn't answer for it
    assert answer('Caption: a cat', 'Caption: 3 lorem ipsum') == drawn[3]


def test_share():
    with ChatServer('status:500', share=.3) as server:
        failed = 0
        for _ in range(100):
            try:
                post(server.url, 'Caption: a dog')
            except urllib.error.HTTPError:
                failed += 1
        assert 15 <= failed <= 45
        assert server.served == 100


def test_command(tmp_path):
    port_file = tmp_path / 'port'
    server = subprocess.Popen(
        [sys.executable, ROOT / 'tests' / 'chat_server.py', '--port-file',
         port_file, '--behaviour', 'slow:0.01', '--behaviour', 'ok',
         '--model', 'm'],
        stdout=subprocess.PIPE,
        text=True)
    try:
        end = time.monotonic() + 60
        while not port_file.exists():
            assert time.monotonic() < end and server.poll() is None
            time.sleep(.01)
        url = server.stdout.readline().split('/v1')[0]
        assert url.endswith(f':{port_file.read_text()}')
        assert post(url, 'Caption: a dog', model='m') == 'Answer: dog'
    finally:
        server.terminate()
        output = server.communicate(timeout=60)[0]
    assert server.returncode == 0
    assert json.loads(output) == dict(
        requests=1, connections=1, most_in_flight=1)


@pytest.mark.parametrize('option', ['--help', '--behaviour'])
def test_usage(option):
    words = [option] + ['?'] * (option != '--help')
    result = run([sys.executable, ROOT / 'tests' / 'chat_server.py', *words],
                 check=False)
    assert result.returncode == (2 if words[1:] else 0)
    assert ('?: unknown' in result.stderr) == bool(words[1:])
    if option == '--help':
        assert all(name in ''.join(result.stdout.split())
                   for name in BEHAVIOURS)
