# Copyright (c) mmteso contributors. All rights reserved.
import datetime
import email.utils
import json

import pytest
from chat_server import completion, error
from hypothesis import given, settings
from hypothesis import strategies as st

from mmteso.text_cues.reasoners.chat_protocol import (CutAnswer, PassingError,
                                                      RefusedError,
                                                      clean_message,
                                                      complete_base_url,
                                                      parse_completion,
                                                      parse_retry_after,
                                                      server_message)

HOST = 'http://server:8000'
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(['choices', 'message', 'content', 'error', 'text']),
        inner,
        max_size=4),
    max_leaves=12)


@pytest.mark.parametrize('given, expected', [
    (HOST, f'{HOST}/v1'),
    (f'{HOST}/', f'{HOST}/v1'),
    (f'{HOST}/v1', f'{HOST}/v1'),
    (f'{HOST}/v1/', f'{HOST}/v1'),
    (f'{HOST}/v1/chat/completions', f'{HOST}/v1'),
    (f'{HOST}/vllm/v1beta', f'{HOST}/vllm/v1beta'),
    ('https://[::1]', 'https://[::1]/v1'),
])
def test_base_url(given, expected):
    assert complete_base_url(given) == expected


@pytest.mark.parametrize('given, message', [
    ('server:8000', 'an address such as'),
    ('/v1', 'an address such as'),
    ('http://', 'an address such as'),
    ('ftp://server', 'but got "ftp://server"'),
    ('http://me:hushhush@server/v1', 'user or a password'),
    ('https://server/v1?key=hushhush', 'no query'),
    ('https://server/v1#hushhush', 'no fragment'),
])
def test_no_base_url(given, message):
    with pytest.raises(ValueError, match=message) as refusal:
        complete_base_url(given)
    assert 'hush' not in str(refusal.value)


@pytest.mark.parametrize('value, expected', [
    (None, None),
    ('7', 7.),
    ('0.5', .5),
    ('-3', 0.),
    ('inf', float('inf')),
    ('nan', None),
    ('soon', None),
    ('', None),
    ('Wed, 21 Oct 2015 07:28:00 GMT', 0.),
    ('Wed, 99 Oct 2015 07:28:00 GMT', None),
])
def test_retry_after(value, expected):
    assert parse_retry_after(value) == expected


@pytest.mark.parametrize('zone', ['GMT', '-0000', '+0000'])
def test_retry_after_date(zone):
    then = datetime.datetime.now(
        datetime.timezone.utc) + datetime.timedelta(seconds=100)
    date = email.utils.format_datetime(then).replace('+0000', zone)
    assert 90 < parse_retry_after(date) <= 100


@given(st.text(), st.text('ab-', min_size=1, max_size=3))
def test_clean_message(text, key):
    cleaned = clean_message(text, key)
    assert cleaned.isprintable() and key not in cleaned
    assert len(clean_message(text * 400)) <= 303


def test_a_key_is_hidden_however_it_is_written():
    key = 'sk-a/b+c' * 5
    for text in (key, f'see {key}.', json.dumps(key).replace('/', '\\/'),
                 key.replace('/', '%2F').replace('+', '%2B'), 'x' * 290 + key):
        assert 'sk-a' not in clean_message(text, key), text
    assert clean_message(f'{key[:9]}\0\u200b{key[9:]}', key) == '***'


def test_what_is_no_text_is_left_out():
    assert clean_message(' a\x1b[31mb\u202ec\r\n\td\0 ') == 'a[31mbc d'


@pytest.mark.parametrize('body, expected', [
    (error('Too long.'), 'Too long.'),
    (b'{"error": "Too long."}', 'Too long.'),
    (b'{"object": "error", "message": "Too long."}', 'Too long.'),
    (b'{"detail": "Not Found"}', 'Not Found'),
    (b'{"error": {"kind": 1}}', '{"error": {"kind": 1}}'),
    (b'<h1>Bad Gateway</h1>', '<h1>Bad Gateway</h1>'),
    (b'[' * 10**5, '[' * 2**16),
    (b'\xff', '\ufffd'),
])
def test_server_message(body, expected):
    assert server_message(body) == expected


def test_completion():
    assert parse_completion(completion('Answer: dog')) == 'Answer: dog'
    assert parse_completion(completion('')) == ''
    text = parse_completion(completion('Answer: dog', 'length'))
    assert text == 'Answer: dog' and isinstance(text, CutAnswer)
    assert not isinstance(parse_completion(completion('x')), CutAnswer)


def test_other_forms_of_completions():
    parts = [dict(type='text', text='Answer: '), dict(type='image'), None,
             dict(type='text', text='dog')]
    assert parse_completion(completion(parts)) == 'Answer: dog'
    refused = completion(None, refusal="I can't help.")
    assert parse_completion(refused) == "I can't help."
    for encoding in ('utf-8-sig', 'utf-16'):
        body = '{"choices": [{"message": {"content": "犬"}}]}'
        assert parse_completion(body.encode(encoding)) == '犬'


def test_half_a_surrogate_pair_can_be_written():
    text = parse_completion(completion('dog \ud83d'))
    assert text.encode() == b'dog ?'


@pytest.mark.parametrize('reason, message', [
    ('length', 'max_tokens'), ('content_filter', 'content filter')])
def test_an_answer_that_will_never_come(reason, message):
    with pytest.raises(RefusedError, match=message):
        parse_completion(completion(None, reason))


@settings(deadline=None)
@given(st.binary(max_size=50) | JSON.map(lambda value: json.dumps(
    value).encode()) | JSON.map(lambda value: json.dumps(
        dict(choices=[dict(message=dict(content=value))])).encode()))
def test_any_body_is_an_answer_or_an_error(body):
    try:
        assert isinstance(parse_completion(body), str)
    except (PassingError, RefusedError):
        pass
    assert isinstance(server_message(body), str)
