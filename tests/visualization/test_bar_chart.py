# Copyright (c) mmteso contributors. All rights reserved.
import math

import pytest
from PIL import Image

from mmteso.visualization import BarPanel, draw_bar_chart


def bars(axis):
    """Heights by the bars' name, and the texts above them."""
    heights = {
        container.get_label(): [bar.get_height() for bar in container]
        for container in axis.containers
    }
    return heights, {text.get_text() for text in axis.texts}


def panels():
    return [
        BarPanel(
            'measured',
            'J (percent)', {
                'TeSO': dict(normal=82.95, mute=15.5, noise=None),
                'no text': dict(normal=75., mute=40., noise=30.)
            },
            notes={'TeSO': dict(mute='-81 %')},
            lines={'everything visible': 68.2},
            footnote='J: per frame\nseed 0'),
        BarPanel(
            'published',
            'J (percent)',
            dict(GAVS=dict(mute=42.5, normal=math.nan)),
            hatched=True)
    ]


def test_bars_are_the_numbers(tmp_path):
    path = tmp_path / 'bars.png'
    figure = draw_bar_chart(panels(), str(path), title='scores')
    assert Image.open(path).size == tuple(
        110 * figure.get_size_inches().astype(float))
    measured, published = figure.axes
    heights, texts = bars(measured)
    assert heights == dict(normal=[82.95, 75.], mute=[15.5, 40.], noise=[30.])
    assert texts == {'83.0', '75.0', '-81 %\n15.5', '40.0', '30.0'}
    assert bars(published) == (dict(mute=[42.5]), {'42.5'})
    line, = measured.lines
    assert set(line.get_ydata()) == {68.2}
    assert measured.get_title() == 'measured'
    assert measured.get_xlabel() == 'J: per frame\nseed 0'
    assert published.get_xlabel() == ''
    assert [label.get_text()
            for label in measured.get_xticklabels()] == ['TeSO', 'no text']
    assert figure.get_suptitle() == 'scores'


def test_a_bar_stands_over_its_group(tmp_path):
    measured = draw_bar_chart(panels(), str(tmp_path / 'bars.png')).axes[0]
    for container, groups in zip(measured.containers, ([0, 1], [0, 1], [1])):
        centers = [bar.get_x() + bar.get_width() / 2 for bar in container]
        assert [round(center) for center in centers] == groups
    # side by side
    edges = sorted((bar.get_x(), bar.get_x() + bar.get_width())
                   for container in measured.containers for bar in container)
    assert all(end < start for (_, end), (start, _) in zip(edges, edges[1:]))


def test_one_colour_and_one_entry_per_name(tmp_path):
    figure = draw_bar_chart(panels(), str(tmp_path / 'bars.png'))
    measured, published = figure.axes
    mute = measured.containers[1][0], published.containers[0][0]
    assert mute[0].get_facecolor() == mute[1].get_facecolor()
    assert measured.containers[0][0].get_facecolor() != mute[0].get_facecolor()
    assert mute[0].get_hatch() is None and mute[1].get_hatch()
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert sorted(names) == ['everything visible', 'mute', 'noise', 'normal']


@pytest.mark.parametrize('panels', [[], [BarPanel('a', 'J', {})]])
def test_nothing_to_draw(panels, tmp_path):
    with pytest.raises(ValueError, match='no numbers'):
        draw_bar_chart(panels, str(tmp_path / 'bars.png'))
