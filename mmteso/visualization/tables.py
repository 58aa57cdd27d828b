# Copyright (c) mmteso contributors. All rights reserved.
"""Tables of results as text."""
import math
from typing import TYPE_CHECKING, Optional

from tabulate import tabulate

if TYPE_CHECKING:
    import pandas as pd


def format_number(value: Optional[float],
                  digits: int = 2,
                  unit: str = '') -> str:
    """A number as a table shows it; '-' if it is None or not finite."""
    if value is None or not math.isfinite(value):
        return '-'
    return f'{value:.{digits}f}{unit}'


def format_table(frame: 'pd.DataFrame',
                 markdown: bool = False,
                 left: int = 1) -> str:
    """A table as text.

    Args:
        frame (pd.DataFrame): Texts, formatted numbers and counts. Its index is
            not shown.
        markdown (bool): For a document, and not for a terminal. Defaults to
            False.
        left (int): So many columns are aligned to the left. Defaults to 1.

    Returns:
        str: Lines.
    """
    align = ['left'] * left + ['right'] * (frame.shape[1] - left)
    return tabulate(
        frame.astype(str),
        headers=list(frame),
        showindex=False,
        tablefmt='pipe' if markdown else 'pretty',
        colalign=align[:frame.shape[1]],
        disable_numparse=True)
