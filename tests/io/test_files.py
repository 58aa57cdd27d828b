# Copyright (c) mmteso contributors. All rights reserved.
import json
import math
import os

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mmteso.io import (atomic_write, parse_yaml,
                       plain, read_json, read_yaml, write_json)


def test_atomic_write_replaces_whole_files_only(tmp_path):
    path = tmp_path / 'new' / 'tensors.safetensors'
    with atomic_write(str(path)) as partial:
        assert not path.exists()
        save_file(dict(a=torch.zeros(2)), partial)
    content = path.read_bytes()
    # as readable as any other file, which safetensors' own are not
    (tmp_path / 'other').touch()
    assert path.stat().st_mode == (tmp_path / 'other').stat().st_mode

    with pytest.raises(KeyboardInterrupt):
        with atomic_write(str(path)) as partial:
            with open(partial, 'w') as file:
                file.write('half of')
            raise KeyboardInterrupt
    assert path.read_bytes() == content
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize('content, message', [
    ('a: 1\nb: 2\na: 3', "key 'a' occurs twice"),
    ('x:\n  a: 1\n  a: 1', "key 'a' occurs twice"),
    ('a: [1', 'expected.*line 1'),
    (b'\xff\xfe\xff', ''),
    ('!!python/object/apply:os.getcwd []', 'could not determine a construct'),
])
def test_yaml_refused(content, message, tmp_path):
    with pytest.raises(ValueError, match=message) as error:
        parse_yaml(content)
    assert '\n' not in str(error.value)
    path = tmp_path / 'own.yaml'
    path.write_bytes(content if isinstance(content, bytes) else content.
                     encode())
    with pytest.raises(ValueError, match='own.yaml" is no YAML file'):
        read_yaml(str(path))


@pytest.mark.parametrize('content', ['{"a": 1, "a": 2}', '{"a": ', '\x80',
                                     '[' * 100000])
def test_json_refused(content, tmp_path):
    path = tmp_path / 'own.json'
    path.write_text(content, encoding='latin-1')
    with pytest.raises(ValueError, match='own.json" is no JSON file'):
        read_json(str(path))


@pytest.mark.parametrize('value, expected', [
    (math.nan, None),
    (np.float32('-inf'), None),
    (np.float32(0.5), 0.5),
    (np.int64(3), 3),
    (True, True),
    ('nan', 'nan'),
    ((1, math.nan), [1, None]),
    ({1: dict(a=[math.inf, None])}, {'1': dict(a=[None, None])}),
])
def test_plain(value, expected):
    result = plain(value)
    assert result == expected and type(result) is type(expected)


def test_write_json(tmp_path):
    path = tmp_path / 'report.json'
    report = dict(J=math.nan, F=np.float64(12.5))
    write_json(report, str(path))
    assert math.isnan(report['J'])
    assert 'NaN' not in path.read_text()
    assert json.loads(path.read_text()) == dict(J=None, F=12.5)
