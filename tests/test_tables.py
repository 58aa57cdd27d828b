# Copyright (c) mmteso contributors. All rights reserved.
import pandas as pd

from mmteso.tables import format_table


def test_table():
    """Columns may have the same name; numbers stay as they were written."""
    frame = pd.DataFrame([['a', '1.50', 3], ['bb', '-', 10]],
                         columns=['name', 'J', 'J'])
    assert format_table(frame).splitlines()[1:5] == [
        '| name |    J |  J |', '+------+------+----+', '| a    | 1.50 |  3 |',
        '| bb   |    - | 10 |']
    lines = format_table(frame, markdown=True, left=2).splitlines()
    assert lines[1] == '|:-------|:-----|----:|'
    rows = frame.iloc[:, :2].to_dict('records')
    assert format_table(rows) == format_table(frame.iloc[:, :2])


def test_bar_in_a_cell():
    """Is none between cells; to be read in a terminal it stays as it is."""
    rows = [dict(name='a|b', J='1.50')]
    for table in (rows, pd.DataFrame(rows)):
        assert '| a\\|b  ' in format_table(table, markdown=True)
        assert '| a|b  |' in format_table(table)
    assert rows == [dict(name='a|b', J='1.50')]
