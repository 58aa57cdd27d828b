# Copyright (c) mmteso contributors. All rights reserved.
import numpy as np
import pandas as pd
from PIL import Image

from mmteso.visualization import BarPanel, draw_bar_chart, format_table


def panels():
    measured = pd.DataFrame(
        dict(normal=[82.95, 75.], mute=[15.5, 40.], noise=[np.nan, 30.]),
        ['TeSO', 'no text'])
    notes = measured.astype(object).map(lambda _: '')
    notes.loc['TeSO', 'mute'] = '-81 %'
    return [
        BarPanel(
            'measured', measured, notes, lines={'everything visible': 68.2},
            footnote='J: per frame\nseed 0'),
        BarPanel(
            'published',
            pd.DataFrame(dict(mute=[42.5], normal=[np.nan]), ['GAVS']),
            hatched=True)
    ]


def bars(axis):
    """Heights by the bars' name, 0 where unknown, and the texts above."""
    heights = {
        container.get_label(): [bar.get_height() for bar in container]
        for container in axis.containers
    }
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


def test_table():
    """Columns may have the same name; numbers stay as they were written."""
    frame = pd.DataFrame([['a', '1.50', 3], ['bb', '-', 10]],
                         columns=['name', 'J', 'J'])
    assert format_table(frame).splitlines()[1:5] == [
        '| name |    J |  J |', '+------+------+----+',
        '| a    | 1.50 |  3 |', '| bb   |    - | 10 |'
    ]
    lines = format_table(frame, markdown=True, left=2).splitlines()
    assert lines[1] == '|:-------|:-----|----:|'
