# Copyright (c) mmteso contributors. All rights reserved.
from mmteso.models import same_clip


def test_same_clip():
    """By subset and name; a frame without a name is alone."""
    metas = [dict(subset='v1m', uid='a'), dict(subset='v1m', uid='b'),
             dict(subset='v2', uid='a'), dict(), dict(subset='v1m', uid='a'),
             dict()]
    expected = [[0, 4], [1], [2], [3], [0, 4], [5]]
    found = [row.nonzero().flatten().tolist() for row in same_clip(metas)]
    assert found == expected
