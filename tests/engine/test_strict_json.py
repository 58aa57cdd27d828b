# Copyright (c) mmteso contributors. All rights reserved.
import json
import math

import numpy as np
import pytest

from mmteso.engine import plain, write_json


@pytest.mark.parametrize('value, expected', [
    (math.nan, None),
    (-math.inf, None),
    (np.float32('nan'), None),
    (np.float32(0.5), 0.5),
    (np.int64(3), 3),
    (True, True),
    ('nan', 'nan'),
    ((1, math.nan), [1, None]),
    ({
        1: dict(a=[math.inf, None])
    }, {
        '1': dict(a=[None, None])
    }),
])
def test_plain(value, expected):
    result = plain(value)
    assert result == expected and type(result) is type(expected)


def test_write_json(tmp_path):
    path = tmp_path / 'new' / 'report.json'
    report = dict(J=math.nan, F=np.float64(12.5))
    write_json(report, str(path))
    assert math.isnan(report['J'])
    assert 'NaN' not in path.read_text()
    assert json.loads(path.read_text()) == dict(J=None, F=12.5)
