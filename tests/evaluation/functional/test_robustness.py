# Copyright (c) mmteso contributors. All rights reserved.
import math

import pytest

from mmteso.evaluation.functional import listening_score


@pytest.mark.parametrize('normal, negatives, expected', [
    (100, [0], 100),
    (80, [20, 40], 2 * 80 * 70 / 150),
    (50, [50], 50),  # the most that a model gets that doesn't listen
    (60, [0, 0, 0, 0], 2 * 60 * 100 / 160),
    (0, [0], 0),
    (90, [100], 0),
    (0, [100], 0),
    (100 + 1e-9, [100 + 1e-9], 0),
])
def test_values(normal, negatives, expected):
    assert listening_score(normal, negatives) == pytest.approx(expected)


@pytest.mark.parametrize('normal, negatives',
                         [(80, []), (math.nan, [10]), (80, [10, math.nan])])
def test_undefined_is_not_zero(normal, negatives):
    assert math.isnan(listening_score(normal, negatives))


@pytest.mark.parametrize('normal, negatives', [(0.8, [-3]), (101, [2]),
                                               (10, [200])])
def test_not_in_percent(normal, negatives):
    with pytest.raises(ValueError, match='percent'):
        listening_score(normal, negatives)
