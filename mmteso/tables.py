# Copyright (c) mmteso contributors. All rights reserved.
"""Tables of results as text."""
import math
from typing import TYPE_CHECKING, Optional, Sequence, Union

from tabulate import tabulate

if TYPE_CHECKING:
    import pandas as pd


def format_number(value: Optional[float], digits: int = 2) -> str:
    """A number as a table shows it; '-' if it is None or not finite."""
    if value is None or not math.isfinite(value):
        return '-'
    return f'{value:.{digits}f}'


def format_table(table: Union['pd.DataFrame', Sequence[dict]],
                 markdown: bool = False,
                 left: int = 1) -> str:
    """A table as text, for a terminal or as Markdown.

    It is of texts, formatted numbers and counts: a frame, whose index isn't
    shown, or rows by title. The first ``left`` columns are aligned to the
    left, the others to the right.
    """
    titles = list(table[0] if isinstance(table, list) else table)
    align = ['left'] * left + ['right'] * len(titles)
    return tabulate(
        table,
        headers='keys',
        showindex=False,
        tablefmt='pipe' if markdown else 'pretty',
        colalign=align[:len(titles)],
        disable_numparse=True)
