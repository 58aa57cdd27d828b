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
