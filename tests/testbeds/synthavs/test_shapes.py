# Copyright (c) mmteso contributors. All rights reserved.
import numpy as np
import pytest

from mmteso.testbeds.synthavs.shapes import (checks, crescent, cross, disc,
                                             dots, flower, ring, star, stripes)

AXIS = (np.arange(400) + 0.5) / 200 - 1
PLANE = np.meshgrid(AXIS, AXIS)


@pytest.mark.parametrize('outline, area', [
    (disc, np.pi),
    (ring(0.5), np.pi * 0.75),
    (ring(0.4), np.pi * 0.84),
    # two bars of 2 x 0.84, their crossing counted once
    (cross, 2 * 2 * 0.84 - 0.84**2),
    # a square with its corners at distance 1
    (star(4, np.cos(np.pi / 4)), 2),
    # ten triangles between centre, tip and dent
    (star(5, 0.55), 10 * 0.5 * 0.55 * np.sin(np.pi / 5)),
    # the polar curve's: pi (0.8 ** 2 + 0.2 ** 2 / 2)
    (flower, np.pi * (0.64 + 0.02)),
])
def test_area(outline, area):
    assert 4 * outline(*PLANE).mean() == pytest.approx(area, rel=0.01)


def test_the_crescent_is_bitten_on_one_side():
    inside = crescent(*PLANE)
    assert not inside[200, 200:].any() and inside[200, 10:190].all()
    np.testing.assert_array_equal(inside, inside[::-1])


@pytest.mark.parametrize('pattern, share', [(stripes, 0.5), (checks, 0.5),
                                            (dots, np.pi * 0.315**2)])
def test_patterns_repeat_and_cover_their_share(pattern, share):
    x, y = PLANE
    # two periods by two periods
    assert pattern(x, y).mean() == pytest.approx(share, abs=0.01)
    # not by one exactly: what lies on an edge may fall on either side
    moved = pattern(x + 3, y - 2)
    assert (pattern(x, y) == moved).mean() > 0.99


def test_patterns_differ_in_every_place_and_direction():
    """No shift or quarter turn makes one pattern look like another."""
    x, y = PLANE
    marks = [stripes(x, y), stripes(y, x), dots(x, y), checks(x, y)]
    for i, first in enumerate(marks):
        for j, second in enumerate(marks):
            if i == j or {i, j} == {0, 1}:  # one turned by 90 degrees
                continue
            shifted = [
                np.roll(second, (a, b), (0, 1))
                for a in range(0, 200, 50) for b in range(0, 200, 50)
            ]
            assert max((first == other).mean() for other in shifted) < 0.85
