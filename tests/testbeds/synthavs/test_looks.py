# Copyright (c) mmteso contributors. All rights reserved.
import numpy as np
import pytest

from mmteso.testbeds.synthavs.classes import CLASSES
from mmteso.testbeds.synthavs.easy import LOOKS
from mmteso.testbeds.synthavs.looks import (paint, sample_background,
                                            sample_body, stack_masks)


@pytest.mark.parametrize('name', CLASSES[1:])
def test_body_has_its_area_and_stays_inside(name):
    for seed in range(5):
        body = sample_body(LOOKS[name], np.random.default_rng(seed))
        assert 0.04 <= body.area <= 0.10
        for second in (0, 1, 7.5):
            coverage = body.coverage(second, 96)
            assert coverage.dtype == np.float32
            assert 0 <= coverage.min() and coverage.max() == 1
            # Nothing is cut off at the border, so the area is there.
            assert coverage.mean() == pytest.approx(body.area, rel=0.02)


def test_body_moves_smoothly():
    body = sample_body(LOOKS['red-disc'], np.random.default_rng(1))
    path = np.stack([body.place(t) for t in np.arange(0, 10, 0.1)])
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    assert 0 < steps.max() < 0.04
    assert np.ptp(path, axis=0).max() <= 0.3


def test_shapes_differ():
    """At the same place, size and angle no two shapes are the same."""
    masks = []
    for name in CLASSES[1:]:
        body = sample_body(LOOKS[name], np.random.default_rng(0))
        still = dict(
            area=0.07,
            angle=0.0,
            spin=0.0,
            centre=np.array([0.5, 0.5]),
            swing=np.zeros(2))
        body = type(body)(**{**body.__dict__, **still})
        masks.append(body.coverage(0, 96) >= 0.5)
    for i, first in enumerate(masks):
        for second in masks[:i]:
            # The closest are disc and square, 0.91.
            assert (first & second).sum() / (first | second).sum() < 0.93


def test_stack_masks_puts_the_last_on_top():
    below = np.array([[1, 1, 1, 1, 0.4]])
    above = np.array([[0, 0, 0, 0.6, 0.5]])
    labels, shares = stack_masks([below, above], [3, 7])
    np.testing.assert_array_equal(labels, [[3, 3, 3, 7, 7]])
    assert labels.dtype == np.uint8
    assert shares == [0.75, 1.0]


def test_paint_leaves_the_background_alone():
    rng = np.random.default_rng(0)
    background = sample_background(48, rng)
    kept = background.copy()
    body = sample_body(LOOKS['blue-ring'], rng)
    coverage = body.coverage(0, 48)
    image = paint(background, [body], [coverage], 0, rng)
    np.testing.assert_array_equal(background, kept)
    assert image.shape == (48, 48, 3) and image.dtype == np.uint8
    # Where the ring is, blue leads, as its hue says.
    ring = image[coverage == 1].astype(int)
    assert (ring[:, 2] > ring[:, 0]).mean() > 0.95
    outside = coverage == 0
    error = image[outside] / 255 - np.clip(background[outside], 0, 1)
    assert np.abs(error).mean() < 0.02
