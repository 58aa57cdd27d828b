# Copyright (c) mmteso contributors. All rights reserved.
import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image

from mmteso.visualization import HeatRow, draw_heat_grid, overlay_heat


def frame(value=100):
    return np.full((4, 6, 3), value, np.uint8)


def test_colours_go_from_dark_to_bright():
    heat = np.zeros((4, 6))
    heat[0, 0], heat[1, 1], heat[2, 2] = 5, 2.5, 50
    result = overlay_heat(frame(), heat, highest=5, strength=1)
    colors = [
        np.round(255 * np.array(colormaps['inferno'](level)[:3]))
        for level in (0., 0.5, 1.)
    ]
    assert result.dtype == np.uint8 and result.shape == (4, 6, 3)
    assert np.abs(result[3, 3] - colors[0]).max() <= 1
    assert np.abs(result[1, 1] - colors[1]).max() <= 2
    assert np.abs(result[0, 0] - colors[2]).max() <= 1
    # hotter than the scale looks like its end
    assert (result[2, 2] == result[0, 0]).all()


def test_the_frame_shines_through():
    heat = np.zeros((4, 6))
    image = frame()
    image[0, 0] = (0, 0, 240)
    result = overlay_heat(image, heat, highest=1, strength=0.5)
    # grey, by half
    assert np.ptp(result[0, 0].astype(int)) <= 2
    assert result[0, 0, 0] == 40 and result[1, 1, 0] == 50
    assert image[0, 0, 2] == 240


def test_no_heat_at_all_is_dark():
    result = overlay_heat(frame(0), np.zeros((4, 6)), highest=0)
    assert result.max() <= 3


@pytest.mark.parametrize('heat, match', [
    (np.zeros((6, 4)), r'\(6, 4\) and \(4, 6\)'),
    (np.full((4, 6), -1.), 'not negative'),
    (np.full((4, 6), np.nan), 'finite'),
])
def test_wrong_heat_is_refused(heat, match):
    with pytest.raises(ValueError, match=match):
        overlay_heat(frame(), heat, highest=1)


def test_grid_has_one_scale(tmp_path):
    """The same heat has the same colour in every column and row."""
    rows = []
    for scale in (1, 2):
        weak, strong = np.full((4, 6), .5), np.full((4, 6), 1. * scale)
        rows.append(
            HeatRow(
                frame(0),
                dict(weak=weak, strong=strong),
                label=f'frame {scale}',
                pictures={'ground truth': frame(7)},
                notes=dict(weak='10 % on what sounds')))
    path = tmp_path / 'heat.png'
    figure = draw_heat_grid(rows, str(path), 'attention', unit='how much')
    assert Image.open(path).size[0] > 300
    *axes, bar = figure.axes
    assert len(axes) == 8 and bar.get_ylabel() == 'how much'
    assert [axis.get_title() for axis in axes[:4]] == [
        'frame', 'ground truth', 'weak', 'strong'
    ]
    shown = [axis.images[0].get_array()[0, 0].tolist() for axis in axes]
    assert shown[1] == [7, 7, 7]
    assert shown[2] == shown[6] and shown[3] != shown[7]
    assert axes[2].get_xlabel() == '10 % on what sounds'
    # a quarter of all values are 2: the 99.5th percentile
    assert bar.get_ylim() == (0, 2)
    figure = draw_heat_grid(rows, str(path), highest=4.)
    assert figure.axes[-1].get_ylim() == (0, 4)


def test_grid_of_nothing(tmp_path):
    with pytest.raises(ValueError, match='no rows'):
        draw_heat_grid([], str(tmp_path / 'heat.png'))
