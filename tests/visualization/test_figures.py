# Copyright (c) mmteso contributors. All rights reserved.
import numpy as np
import pandas as pd
import pytest
from matplotlib import colormaps
from PIL import Image

from mmteso.visualization import (BarPanel, PictureRow, draw_bar_chart,
                                  draw_picture_grid, draw_sound,
                                  overlay_heat, overlay_mask)
from mmteso.visualization.figures import SOUND_RANGE


def picture(value):
    return np.full((4, 6, 3), value, np.uint8)


def test_mask_keeps_colours_inside_and_greys_the_rest():
    image = picture(0)
    image[...] = (30, 60, 210)
    mask = np.zeros((4, 6), bool)
    mask[0, 0] = True
    result = overlay_mask(image, mask, dim=0.5)
    assert result.dtype == np.uint8
    assert result[0, 0].tolist() == [30, 60, 210]
    assert result[1, 1].tolist() == [50, 50, 50]
    assert (image == (30, 60, 210)).all(), 'the frame itself must not change'


def test_heat_goes_from_dark_to_bright():
    heat = np.zeros((4, 6))
    heat[0, 0], heat[1, 1], heat[2, 2] = 5, 2.5, 50
    result = overlay_heat(picture(100), heat, highest=5, strength=1)
    dark, half, bright = (
        np.round(255 * np.array(colormaps['inferno'](level)[:3]))
        for level in (0., 0.5, 1.))
    assert result.dtype == np.uint8 and result.shape == (4, 6, 3)
    assert np.abs(result[3, 3] - dark).max() <= 1
    assert np.abs(result[1, 1] - half).max() <= 2
    assert np.abs(result[0, 0] - bright).max() <= 1
    # hotter than the scale looks like its end
    assert (result[2, 2] == result[0, 0]).all()
    # the frame shines through, grey
    image = picture(100)
    image[0, 0] = (0, 0, 240)
    result = overlay_heat(image, np.zeros((4, 6)), highest=0, strength=0.5)
    assert np.ptp(result[0, 0].astype(int)) <= 2 and result[0, 0, 0] == 40


def test_rows_and_columns(tmp_path):
    """A strip of sound where there is one, pitch upwards, on one scale."""
    sound = np.arange(12.).reshape(3, 4)  # 3 times, 4 mels
    rows = [PictureRow(
                dict(frame=picture(0), mute=picture(1)),
                label='TeSO\na frame of a video with a long name',
                sounds=dict(mute=sound),
                notes=dict(mute='IoU 3 %\nsound of a video with a long name')),
            PictureRow(dict(frame=picture(2), mute=picture(3)), 'row 1')]
    path = str(tmp_path / 'grid.png')
    figure = draw_picture_grid(rows, path, title='all')
    assert min(Image.open(path).size) > 300
    axes = figure.axes
    assert not axes[0].images and not axes[0].get_frame_on()
    strip, = axes[1].images
    assert np.array_equal(strip.get_array(), sound.T)
    assert strip.origin == 'lower' and strip.get_clim() == SOUND_RANGE
    # the names of the columns stand above the first line
    assert [axis.get_title() for axis in axes] == ['frame', 'mute'] + [''] * 4
    assert [axis.images[0].get_array()[0, 0, 0]
            for axis in axes[2:]] == [0, 1, 2, 3]
    assert axes[2].get_ylabel().splitlines()[0] == 'TeSO'
    assert axes[4].get_ylabel() == 'row 1'
    assert axes[3].get_xlabel().splitlines() == [
        'IoU 3 %', 'sound of a video with a', 'long name']
    assert figure.get_suptitle() == 'all'


def test_heat_scale(tmp_path):
    rows = [PictureRow(dict(frame=picture(0)))]
    figure = draw_picture_grid(
        rows, str(tmp_path / 'heat.png'), heat_scale=(4., 'how much'))
    bar = figure.axes[-1]
    assert bar.get_ylabel() == 'how much' and bar.get_ylim() == (0, 4)


def test_rows_must_have_the_same_columns(tmp_path):
    rows = [PictureRow(dict(a=picture(0))), PictureRow(dict(b=picture(0)))]
    for wrong in (rows, []):
        with pytest.raises(ValueError, match='rows of the same pictures'):
            draw_picture_grid(wrong, str(tmp_path / 'x.png'))


def panels():
    measured = pd.DataFrame(dict(normal=[82.95, 75.], mute=[15.5, 40.],
                                 noise=[np.nan, 30.]), ['TeSO', 'no text'])
    notes = measured.astype(object).map(lambda _: '')
    notes.loc['TeSO', 'mute'] = '-81 %'
    return [BarPanel('measured', measured, notes,
                     lines={'everything visible': 68.2},
                     footnote='J: per frame\nseed 0'), BarPanel(
                'published',
                pd.DataFrame(dict(mute=[42.5], normal=[np.nan]), ['GAVS']),
                hatched=True)]


def bars(axis):
    """Heights by the bars' name, 0 where unknown, and the texts above."""
    heights = {container.get_label(): [bar.get_height() for bar in container]
               for container in axis.containers}
    return heights, {text.get_text() for text in axis.texts} - {''}


def test_bars_are_the_numbers(tmp_path):
    path = tmp_path / 'bars.png'
    figure = draw_bar_chart(panels(), str(path), title='scores')
    assert min(Image.open(path).size) > 300
    measured, published = figure.axes
    heights, texts = bars(measured)
    assert heights == dict(normal=[82.95, 75.], mute=[15.5, 40.],
                           noise=[0., 30.])
    assert texts == {'83.0', '75.0', '-81 %\n15.5', '40.0', '30.0'}
    assert bars(published) == (dict(mute=[42.5], normal=[0.]), {'42.5'})
    line, = measured.lines
    assert set(line.get_ydata()) == {68.2}
    assert measured.get_title() == 'measured'
    assert measured.get_xlabel() == 'J: per frame\nseed 0'
    assert [label.get_text()
            for label in measured.get_xticklabels()] == ['TeSO', 'no text']
    # one colour and one entry per name
    mute = measured.containers[1][0], published.containers[0][0]
    assert mute[0].get_facecolor() == mute[1].get_facecolor()
    assert mute[0].get_hatch() is None and mute[1].get_hatch()
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert sorted(names) == ['everything visible', 'mute', 'noise', 'normal']


def test_sound_from_edge_to_edge(tmp_path):
    """The second half is silent: nothing of it is high or bright."""
    waveform = np.sin(np.arange(16000.))
    waveform[8000:] = 0
    log_mel = np.full((96, 64), SOUND_RANGE[0])
    log_mel[:48] = SOUND_RANGE[1]
    path = tmp_path / 'sound.png'
    figure = draw_sound(waveform, log_mel, str(path))
    assert len(figure.axes) == 2
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert('RGBA')).astype(int)
    height, width = pixels.shape[:2]
    wave, mel = np.split(pixels, [height // 2])
    inked = (wave[..., 3] > 0).sum(0)
    assert inked[:width // 2 - 4].min() > 4 * inked[width // 2 + 4:].max()
    assert inked[4:-4].min() > 0, 'a silent second has a line'
    bright = mel[height // 4, :, :3].sum(1)
    assert bright[:width // 2 - 4].min() > 2 * bright[width // 2 + 4:].max()
