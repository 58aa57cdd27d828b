# Copyright (c) mmteso contributors. All rights reserved.
import math
import random

import numpy as np
import pytest

from mmteso.evaluation.functional import (FrameScore, average_avsbench,
                                          average_frames, mean)


def frame(iou, foreground=0.5, sounding=True, part=None, curve=None):
    curve = None if curve is None else np.array(curve, dtype=np.float32)
    return FrameScore(iou, foreground, sounding, part, curve)


def test_hand_computed_averages():
    frames = [
        frame(0.5, 0.25, part=True, curve=[0.25, 1, 0]),
        frame(1.0, 0.001, part=False, curve=[0.75, 0, 0.5]),
        frame(0.75, 0.0, sounding=False, part=False),
        frame(0.25, 0.002, part=True, curve=[0.5, 0.5, 0.25]),
    ]
    scores = average_frames(frames)
    # Just 0.2 % is not blank, and silent frames don't count there.
    assert scores == pytest.approx(
        dict(
            J=0.625,
            J_sounding=1.75 / 3,
            J_part=0.375,
            foreground=0.253 / 4,
            blank=1 / 3,
            F=(1 + 0.75 + 0.5) / 3,
            F_curve=0.5))
    assert average_frames(frames, blank_share=0.01)['blank'] == pytest.approx(
        2 / 3)


def test_f_curve_is_at_most_f():
    rng = np.random.default_rng(0)
    frames = [frame(0.5, curve=rng.random(255)) for _ in range(20)]
    scores = average_frames(frames)
    assert scores['F_curve'] < scores['F']


def test_order_does_not_change_a_digit():
    rng = np.random.default_rng(0)
    frames = [
        frame(float(np.float32(rng.random())), rng.random(), rng.random() > .2,
              bool(rng.random() > .5), rng.random(255)) for _ in range(200)
    ]
    expected = average_frames(frames)
    for seed in range(5):
        random.Random(seed).shuffle(frames)
        assert average_frames(frames) == expected


def test_no_frame_qualifies():
    scores = average_frames([frame(0.75, 0.25, sounding=False, part=False)])
    assert scores['J'] == 0.75 and scores['foreground'] == 0.25
    for key in ('F', 'F_curve', 'J_sounding', 'J_part', 'blank'):
        assert math.isnan(scores[key])
    assert math.isnan(mean([]))


def test_unknown_visible_objects_and_missing_curves():
    assert 'J_part' not in average_frames([frame(1.0, curve=[0, 1])])
    assert 'F' not in average_frames([frame(1.0)])
    with pytest.raises(ValueError, match='1 of 2 frames have a map'):
        average_frames([frame(1.0), frame(1.0, part=True)])


def test_errors():
    with pytest.raises(ValueError, match='No frame was scored'):
        average_frames([])
    with pytest.raises(ValueError, match='No frame was scored'):
        average_avsbench([], 5)
    with pytest.raises(ValueError, match='group_size is 0'):
        average_avsbench([frame(1.0, curve=[0, 1])], 0)
