# Copyright (c) mmteso contributors. All rights reserved.
import numpy as np
import pytest
from PIL import Image

from mmteso.visualization import FrameRow, draw_overlay_grid, overlay_mask


def test_overlay_keeps_colours_inside_and_greys_the_rest():
    image = np.zeros((2, 2, 3), np.uint8)
    image[...] = (30, 60, 210)
    mask = np.array([[True, False], [False, False]])
    result = overlay_mask(image, mask, dim=0.5)
    assert result.dtype == np.uint8
    assert result[0, 0].tolist() == [30, 60, 210]
    assert result[1, 1].tolist() == [50, 50, 50]
    assert (image == (30, 60, 210)).all(), 'the frame itself must not change'


def test_overlay_refuses_another_size():
    with pytest.raises(ValueError, match=r'\(3, 2\) and \(2, 2\)'):
        overlay_mask(np.zeros((2, 2, 3), np.uint8), np.zeros((3, 2), bool))


def _row(mask_value, names=('ground truth', 'mute')):
    image = np.zeros((16, 16, 3), np.uint8)
    image[..., 0] = 250
    masks = {name: np.full((16, 16), mask_value) for name in names}
    return FrameRow(image, masks, label='clip 0, frame 1')


def test_grid_shows_the_masks(tmp_path):
    paths = [tmp_path / 'on.png', tmp_path / 'off.png']
    for path, value in zip(paths, (True, False)):
        draw_overlay_grid([_row(value), _row(value)], str(path), title='t')
    on, off = (np.asarray(Image.open(path).convert('RGB')) for path in paths)
    assert on.shape == off.shape
    # The bare frame is red in both; the two masks only where they are on.
    red = [(p[..., 0].astype(int) - p[..., 1] > 100).mean() for p in (on, off)]
    assert red[0] == pytest.approx(3 * red[1], rel=0.05)
    assert red[1] > 0.05


def test_grid_refuses_rows_that_differ():
    with pytest.raises(ValueError, match='same masks'):
        draw_overlay_grid([_row(True), _row(True, names=('mute', ))], 'x.png')
    with pytest.raises(ValueError, match='no rows'):
        draw_overlay_grid([], 'x.png')
