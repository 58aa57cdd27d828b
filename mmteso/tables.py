# Copyright (c) mmteso contributors. All rights reserved.
"""Tables of results as text."""
import math
from typing import TYPE_CHECKING, Any, Optional, Sequence, Union

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
    """A table as text.

    Args:
        table (pd.DataFrame | list[dict]): Texts, formatted numbers and
            counts: a frame, whose index isn't shown, or rows by title.
        markdown (bool): For a document, and not for a terminal. Defaults to
            False.
        left (int): So many columns are aligned to the left. Defaults to 1.

    Returns:
        str: Lines.
    """
    titles = list(table[0] if isinstance(table, list) else table)
    if markdown and isinstance(table, list):
        table = [{key: _escape(x) for key, x in row.items()} for row in table]
    elif markdown:
        table = table.map(_escape)
    align = ['left'] * left + ['right'] * len(titles)
    return tabulate(
        table,
        headers='keys',
        showindex=False,
        tablefmt='pipe' if markdown else 'pretty',
        colalign=align[:len(titles)],
        disable_numparse=True)


def _escape(cell: Any) -> Any:
    """A cell in Markdown, where "|" would begin the next one."""
    return cell.replace('|', r'\|') if isinstance(cell, str) else cell
