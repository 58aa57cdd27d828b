# Copyright (c) mmteso contributors. All rights reserved.
import math

import pytest
import torch

from mmteso.evaluation import CueSelectionMetric


def _sample(kept, target):
    return dict(
        cue_kept=torch.tensor(kept),
        gt_cues=dict(label=torch.tensor(target, dtype=torch.float32)))


def _evaluate(*batches):
    metric = CueSelectionMetric()
    for batch in batches:
        metric.process({}, batch)
    return metric.evaluate(sum(map(len, batches)))


def test_counts_known_cues_only():
    frames = [
        # kept and sounding, kept though silent, dropped and silent, padding
        _sample([True, True, False, True], [1, 0, 0, -1]),
        # dropped though sounding, unknown class
        _sample([False, True, False, False], [1, -1, -1, -1]),
    ]
    expected = {'cues/sounding_kept': 50., 'cues/silent_kept': 50.}
    assert _evaluate(frames) == expected
    assert _evaluate(frames[:1], frames[1:]) == expected


def test_perfect_selection():
    scores = _evaluate([_sample([True, False], [1, 0])])
    assert scores == {'cues/sounding_kept': 100., 'cues/silent_kept': 0.}


def test_nan_where_no_cue_counts():
    scores = _evaluate([_sample([True], [1])])
    assert scores['cues/sounding_kept'] == 100.
    assert math.isnan(scores['cues/silent_kept'])


@pytest.mark.parametrize('key', ['cue_kept', 'gt_cues'])
def test_says_what_is_missing(key):
    sample = _sample([True], [1])
    del sample[key]
    with pytest.raises(KeyError, match=key):
        CueSelectionMetric().process({}, [sample])


def test_describe():
    line = CueSelectionMetric().describe()
    assert 'pooled over all frames' in line and '\n' not in line
