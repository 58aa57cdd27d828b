# Copyright (c) mmteso contributors. All rights reserved.
from collections import Counter

import numpy as np
import pytest

from mmteso.testbeds.synthavs.classes import CLASSES, TRAIN_PRIORS
from mmteso.testbeds.synthavs.easy import EASY
from mmteso.testbeds.synthavs.scenario import (apportion, draw_sounding,
                                               draw_visible, plan_split,
                                               sounding_prior, split_sizes)


@pytest.mark.parametrize('total, expected', [(100, [15, 45, 40]),
                                             (80, [12, 36, 32]),
                                             (1, [0, 1, 0]), (0, [0, 0, 0])])
def test_apportion(total, expected):
    assert apportion(total, (15, 45, 40)) == expected


@pytest.mark.parametrize('videos, expected', [(520, (400, 40, 80)),
                                              (6, (4, 1, 1)),
                                              (3, (1, 1, 1)),
                                              (13, (10, 1, 2))])
def test_split_sizes(videos, expected):
    assert tuple(split_sizes(videos).values()) == expected
    assert list(split_sizes(videos)) == ['train', 'val', 'test']


def test_too_few_videos():
    with pytest.raises(ValueError, match='videos=2 is too few'):
        split_sizes(2)


@pytest.mark.parametrize('videos, frames', [(80, 5), (7, 3), (1, 2)])
@pytest.mark.parametrize('seed', [0, 1])
def test_quotas_are_exact(videos, frames, seed):
    plans = plan_split(videos, frames, np.random.default_rng(seed))
    assert len(plans) == videos
    counts = Counter(plan.num_visible for plan in plans)
    assert [counts[n] for n in (1, 2, 3)] == apportion(videos, (15, 45, 40))
    silent = sum(sum(plan.silent) for plan in plans)
    assert silent == videos * frames * 15 // 100
    noisy = [a for plan in plans for a in plan.ambient if a is not None]
    assert len(noisy) == silent // 2
    for plan in plans:
        assert len(plan.silent) == len(plan.ambient) == frames
        for is_silent, ambient in zip(plan.silent, plan.ambient):
            assert is_silent or ambient is None


def test_ambient_noise_spans_colours_and_levels():
    plans = plan_split(400, 5, np.random.default_rng(0))
    noisy = [a for plan in plans for a in plan.ambient if a is not None]
    assert len(noisy) == 150
    assert Counter(colour for colour, _ in noisy) == dict(
        white=50, pink=50, brown=50)
    levels = [level for _, level in noisy]
    low, high = EASY.ambient_db
    # One level in each of 150 equal steps of 0.4 dB.
    bins, _ = np.histogram(levels, bins=150, range=(low, high))
    assert (bins == 1).all()


def test_draw_visible_is_distinct_and_even():
    rng = np.random.default_rng(0)
    counts = Counter()
    for _ in range(800):
        names = draw_visible(3, rng)
        assert len(set(names)) == 3
        counts.update(names)
    assert set(counts) == set(CLASSES[1:])
    assert min(counts.values()) > 230 and max(counts.values()) < 370


@pytest.mark.parametrize('split', ['train', 'test'])
def test_draw_sounding_follows_the_priors(split):
    names = ['red-disc', 'orange-star', 'green-square']
    silent = (False, ) * 20000
    sounding = draw_sounding(names, split, silent, np.random.default_rng(0))
    assert sounding.shape == (20000, 3) and sounding.dtype == bool
    assert sounding.any(axis=1).all()
    priors = np.array([sounding_prior(split, name) for name in names])
    # P(sounds | something sounds) = prior / (1 - P(nothing sounds)).
    expected = priors / (1 - np.prod(1 - priors))
    np.testing.assert_allclose(sounding.mean(axis=0), expected, atol=0.015)


def test_silent_seconds_are_silent():
    silent = (True, False, True)
    sounding = draw_sounding(['red-disc', 'blue-ring'], 'train', silent,
                             np.random.default_rng(0))
    np.testing.assert_array_equal(sounding.any(axis=1), [False, True, False])


def test_priors_differ_in_training_only():
    for name in CLASSES[1:]:
        assert sounding_prior('train', name) == TRAIN_PRIORS[name]
        assert sounding_prior('val', name) == 0.5
        assert sounding_prior('test', name) == 0.5
