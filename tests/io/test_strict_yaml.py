# Copyright (c) mmteso contributors. All rights reserved.
import pytest

from mmteso.io import parse_yaml


def test_plain_data():
    assert parse_yaml('a: [1, é]\nb: {c: null}'.encode()) == dict(
        a=[1, 'é'], b=dict(c=None))


@pytest.mark.parametrize('content, message', [
    ('a: 1\nb: 2\na: 3', "key 'a' occurs twice.*line 3"),
    ('x:\n  a: 1\n  a: 1', "key 'a' occurs twice"),
    ('a: [1', 'expected'),
    (b'\xff\xfe\xff', ''),
    ('!!python/object/apply:os.getcwd []', 'could not determine a construct'),
])
def test_refused(content, message):
    with pytest.raises(ValueError, match=message) as error:
        parse_yaml(content)
    assert '\n' not in str(error.value)
