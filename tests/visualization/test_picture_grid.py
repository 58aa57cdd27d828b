# Copyright (c) mmteso contributors. All rights reserved.
import numpy as np
import pytest

from mmteso.visualization import PictureRow, picture_grid
from mmteso.visualization.picture_grid import SOUND_RANGE


def picture(value):
    return np.full((8, 8, 3), value, np.uint8)


def test_rows_and_columns():
    rows = [
        PictureRow(dict(frame=picture(i), masked=picture(10 + i)), f'row {i}')
        for i in range(3)
    ]
    figure = picture_grid(rows, title='all')
    axes = figure.axes
    assert len(axes) == 6
    shown = [axis.images[0].get_array()[0, 0, 0] for axis in axes]
    assert shown == [0, 10, 1, 11, 2, 12]
    assert [axis.get_title() for axis in axes] == [
        'frame', 'masked', '', '', '', ''
    ]
    assert [axis.get_ylabel() for axis in axes
            ] == ['row 0', '', 'row 1', '', 'row 2', '']
    assert figure.get_suptitle() == 'all'


def test_sound_above_the_pictures():
    """A strip for the rows that have one, pitch upwards, on one scale."""
    sound = np.arange(12.).reshape(3, 4)  # 3 times, 4 mels
    rows = [
        PictureRow(
            dict(frame=picture(0), mute=picture(1)),
            sounds=dict(mute=sound)),
        PictureRow(dict(frame=picture(2), mute=picture(3)))
    ]
    axes = picture_grid(rows).axes
    assert len(axes) == 6
    assert not axes[0].images and not axes[0].get_frame_on()
    strip, = axes[1].images
    assert np.array_equal(strip.get_array(), sound.T)
    assert strip.origin == 'lower'
    assert strip.get_clim() == SOUND_RANGE
    # the names of the columns stand above the first strip
    assert axes[0].get_title() == 'frame' and axes[2].get_title() == ''
    assert [axis.images[0].get_array()[0, 0, 0]
            for axis in axes[2:]] == [0, 1, 2, 3]


def test_notes_and_labels():
    row = PictureRow(
        dict(a=picture(0), b=picture(0)),
        label='TeSO\na frame of a video with a long name',
        notes=dict(b='IoU 3 %'))
    figure = picture_grid([row])
    first, second = figure.axes
    assert (first.get_xlabel(), second.get_xlabel()) == ('', 'IoU 3 %')
    lines = first.get_ylabel().splitlines()
    assert lines[0] == 'TeSO' and len(lines) == 3
    assert max(map(len, lines)) <= 18
    row.notes['b'] += '\nsound of a video with a long name'
    longer = picture_grid([row])
    assert longer.axes[1].get_xlabel().splitlines() == [
        'IoU 3 %', 'sound of a video with a', 'long name'
    ]
    assert longer.get_figheight() > figure.get_figheight()


def test_room_beside_the_grid():
    row = PictureRow(dict(a=picture(0)))
    narrow, wide = picture_grid([row]), picture_grid([row], extra_width=2)
    assert wide.get_figwidth() == narrow.get_figwidth() + 2


def test_rows_must_have_the_same_columns():
    with pytest.raises(ValueError, match=r"\['a'\] and \['b'\]"):
        picture_grid(
            [PictureRow(dict(a=picture(0))),
             PictureRow(dict(b=picture(0)))])
    with pytest.raises(ValueError, match='no rows'):
        picture_grid([])
