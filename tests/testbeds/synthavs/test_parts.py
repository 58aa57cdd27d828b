# Copyright (c) mmteso contributors. All rights reserved.
"""What clips are made of: quotas, draws, bodies and noise."""
from collections import Counter

import numpy as np
import pytest

from mmteso.datasets.avsbench_meta import AVSBENCH_CLASSES
from mmteso.testbeds.synthavs import CLASSES, VARIANTS
from mmteso.testbeds.quotas import draw_sounding, split_sizes
from mmteso.testbeds.synthavs.generator import draw_visible, plan_split
from mmteso.testbeds.synthavs.timbres import NOISE_COLOURS

EASY, HARD = VARIANTS['easy'], VARIANTS['hard']


@pytest.mark.parametrize('variant', VARIANTS.values(), ids=VARIANTS)
def test_a_variant_is_whole(variant):
    names = variant.classes[1:]
    assert variant.classes[0] == 'background'
    assert set(names).isdisjoint(AVSBENCH_CLASSES)
    assert not any('_' in name or ' ' in name for name in names)
    priors = variant.priors(variant.seen, 'train')
    assert (min(priors), max(priors)) == (0.25, 0.85)
    # Three objects of 4 dB over the nominal level, and the loudest noise, of
    # which one sample in 10 ** 4 exceeds 4 sigma.
    peak = 3 * 1.6 * 2**0.5 + 4 * 10**(variant.ambient_db[1] / 20)
    assert peak * variant.object_rms < 1.1


@pytest.mark.parametrize('variant, videos, expected', [
    (EASY, 520, (400, 40, 80)),
    (EASY, 3, (1, 1, 1)),
    (HARD, 520, (400, 40, 40, 40)),
    (HARD, 30, (23, 3, 2, 2)),  # largest remainders, the first of equals
])
def test_split_sizes(variant, videos, expected):
    parts = variant.split_parts
    assert tuple(split_sizes(videos, parts).values()) == expected
    with pytest.raises(ValueError, match='videos=2 is too few'):
        split_sizes(2, parts)


@pytest.mark.parametrize('variant', VARIANTS.values(), ids=VARIANTS)
def test_quotas_are_exact(variant):
    plans = plan_split(variant, 80, 5, np.random.default_rng(1), 15)
    counts = Counter(plan.num_visible for plan in plans)
    assert [counts[n] for n in (1, 2, 3)] == [
        percent * 80 // 100 for percent in variant.visible_percent
    ]
    seconds = [(silent, ambient) for plan in plans
               for silent, ambient in zip(plan.silent, plan.ambient)]
    assert Counter((silent, ambient is not None)
                   for silent, ambient in seconds) == {
                       (True, True): 30,
                       (True, False): 30,
                       (False, variant.ambient_everywhere): 340
                   }
    noisy = [ambient for _, ambient in seconds if ambient is not None]
    colours = Counter(colour for colour, _ in noisy)
    assert set(colours) == set(NOISE_COLOURS)
    assert max(colours.values()) - min(colours.values()) <= 1
    # one level in each of equal steps
    bins, _ = np.histogram([level for _, level in noisy], bins=len(noisy),
                           range=variant.ambient_db)
    assert (bins == 1).all()


def test_draws_of_what_is_visible():
    rng = np.random.default_rng(0)
    drawn = Counter(name for _ in range(800)
                    for name in draw_visible(EASY, 3, 'train', rng))
    assert set(drawn) == set(CLASSES[1:])
    assert min(drawn.values()) > 230 and max(drawn.values()) < 370
    for _ in range(100):
        assert set(draw_visible(HARD, 2, 'test', rng)) <= set(HARD.seen)
        names = draw_visible(HARD, 2, 'test_unseen', rng)
        assert len(set(names)) == 2 and set(names) & set(HARD.unseen)


@pytest.mark.parametrize('split, priors', [('train', (0.85, 0.25, 0.42)),
                                           ('test', (0.5, 0.5, 0.5))])
def test_draws_of_what_sounds(split, priors):
    names = ['red-disc', 'orange-star', 'green-square']
    silent = (True, ) + (False, ) * 20000
    sounding = draw_sounding(
        EASY.priors(names, split), silent, np.random.default_rng(0))
    assert not sounding[0].any() and sounding[1:].any(axis=1).all()
    # P(sounds | something sounds) = prior / (1 - P(nothing sounds)).
    expected = np.array(priors) / (1 - np.prod(1 - np.array(priors)))
    np.testing.assert_allclose(
        sounding[1:].mean(axis=0), expected, atol=0.015)
