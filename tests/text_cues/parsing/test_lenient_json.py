# Copyright (c) mmteso contributors. All rights reserved.
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmteso.text_cues.parsing.lenient_json import Found, Pairs, find_json


def plain(value):
    """Objects as dicts."""
    if isinstance(value, Pairs):
        return {key: plain(v) for key, v in value}
    return [plain(v) for v in value] if isinstance(value, list) else value


def only(text):
    found, = find_json(text)
    assert text[found.start] in '[{'
    return plain(found.value), found.complete


values = st.recursive(
    st.none() | st.booleans() | st.integers(-999, 999) | st.text(),
    lambda v: st.lists(v, max_size=3) | st.dictionaries(
        st.text(), v, max_size=3),
    max_leaves=8)


def depth(value):
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth, value), default=0) if isinstance(value,
                                                               list) else 0


@settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow],
    max_examples=200)
@given(values.filter(lambda v: 0 < depth(v) <= 6), st.booleans(),
       st.sampled_from([None, 2]))
def test_json_is_read_as_json(value, ascii, indent):
    text = json.dumps(value, ensure_ascii=ascii, indent=indent)
    found, = find_json(f'Here: {text} Done.')
    assert plain(found.value) == value
    assert found.complete
    assert (found.start, found.end) == (6, 6 + len(text))


@pytest.mark.parametrize('text, value', [
    ("['a', 'b']", ['a', 'b']),
    ("['a man's voice', 'b']", ["a man's voice", 'b']),
    ('[a b, c]', ['a b', 'c']),
    ('{a: b, "c": d}', dict(a='b', c='d')),
    ("{'a': None, 'b': True, 'c': False}", dict(a=None, b=True, c=False)),
    ('["a", "b",]', ['a', 'b']),
    ('{"a": 1,}', dict(a=1)),
    ('["a" "b"]', ['a', 'b']),
    ('[\n"a",\n\n"b"\n]', ['a', 'b']),
    (r'["\u00e9\"\n\/\\"]', ['é"\n/\\']),
    ('[]', []),
    ('{}', {}),
])
def test_what_models_make_of_it(text, value):
    assert only(text) == (value, True)


@pytest.mark.parametrize('text, value', [
    ('["a", "b', ['a']),
    ('["a", b', ['a']),
    ('["a",', ['a']),
    ('["a"', ['a']),
    ('[', []),
    ('{"a": ["b", "c', dict(a=['b'])),
    ('{"a": "b", "c": "d', dict(a='b')),
    ('{"a": "b", "c', dict(a='b')),
    ('{"a"', {}),
    ('["a\\', []),
])
def test_of_a_cut_off_value_the_complete_part_counts(text, value):
    assert only(text) == (value, False)


@pytest.mark.parametrize('text',
                         ['', 'no', '{]', '[}', '{"a":}', '[a}', '}{x}'])
def test_no_json(text):
    assert not list(find_json(text))


def test_several_values():
    first, second = find_json('x ["a"] y {"b": "c"}')
    assert first == Found(['a'], 2, 7, True)
    assert second == Found([('b', 'c')], 10, 20, True)


def test_deep_nesting_is_no_value():
    text = '[' * 100_000
    assert all(not found.complete for found in find_json(text))
