import numpy as np
import pytest
from PIL import Image

from mmteso.visualization import FrameRow, draw_overlay_grid, overlay_mask


def test_overlay_tints_the_mask_and_dims_the_rest():
    image = np.full((2, 2, 3), 100, np.uint8)
    mask = np.array([[True, False], [False, False]])
    result = overlay_mask(image, mask, color=(200, 0, 0), alpha=0.5)
    assert result.dtype == np.uint8
    assert result[0, 0].tolist() == [150, 50, 50]
    assert result[1, 1].tolist() == [70, 70, 70]
    assert (image == 100).all(), 'the frame itself must not change'


def test_overlay_refuses_another_size():
    with pytest.raises(ValueError, match=r'\(3, 2\) and \(2, 2\)'):
        overlay_mask(np.zeros((2, 2, 3), np.uint8), np.zeros((3, 2), bool))


def _row(mask_value, names=('ground truth', 'mute')):
    image = np.full((16, 16, 3), 128, np.uint8)
    masks = {name: np.full((16, 16), mask_value) for name in names}
    return FrameRow(image, masks, label='clip 0, frame 1')


def test_grid_shows_the_masks(tmp_path):
    paths = [tmp_path / 'on.png', tmp_path / 'off.png']
    for path, value in zip(paths, (True, False)):
        draw_overlay_grid([_row(value), _row(value)], str(path), title='t')
    on, off = (np.asarray(Image.open(path).convert('RGB')) for path in paths)
    assert on.shape == off.shape
    # red only where masks are drawn
    redness = [p[..., 0].astype(int) - p[..., 1] for p in (on, off)]
    assert (redness[0] > 50).mean() > 0.1
    assert (redness[1] > 50).mean() == 0


def test_grid_refuses_rows_that_differ():
    with pytest.raises(ValueError, match='same masks'):
        draw_overlay_grid([_row(True), _row(True, names=('mute', ))], 'x.png')
    with pytest.raises(ValueError, match='no rows'):
        draw_overlay_grid([], 'x.png')
