# Copyright (c) mmteso contributors. All rights reserved.
"""Pictures in rows and columns, with the sound above them."""
import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Dict, List, Optional, Sequence

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# log(0.01), a silent band, and about the loudest that a band gets
SOUND_RANGE = (-4.6, 2.5)
_SOUND_HEIGHT = 0.4  # of a picture's
_INCHES = 1.6  # a picture's side


@dataclass
class PictureRow:
    """One row of :func:`picture_grid`.

    Attributes:
        pictures (dict[str, np.ndarray]): RGB, uint8 (H, W, 3), by column.
        label (str): Written left of the row. Defaults to ''.
        sounds (dict[str, np.ndarray]): Log-mel spectrograms, (time, mel), by
            column; drawn in a strip above the row's pictures. Defaults to
            none: no strip.
        notes (dict[str, str]): Written below some pictures, by column.
            Defaults to none.
    """
    pictures: Dict[str, np.ndarray]
    label: str = ''
    sounds: Dict[str, np.ndarray] = field(default_factory=dict)
    notes: Dict[str, str] = field(default_factory=dict)


def new_figure(width: float, height: float) -> 'Figure':
    """An empty figure in inches, without pyplot.

    No global state and no display needed.

    Args:
        width (float): In inches.
        height (float): In inches.

    Returns:
        Figure: Ready to be drawn on and saved.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    figure = Figure(figsize=(width, height), dpi=110, layout='constrained')
    FigureCanvasAgg(figure)
    return figure


def picture_grid(rows: Sequence[PictureRow],
                 title: str = '',
                 extra_width: float = 0.) -> 'Figure':
    """Draw pictures in rows and columns.

    Args:
        rows (Sequence[PictureRow]): At least one; all with the columns of the
            first, in its order.
        title (str): Written above. Defaults to ''.
        extra_width (float): Room for something beside the grid, in inches.
            Defaults to 0.

    Returns:
        Figure: Its ``axes`` are those of the pictures and strips, row by row.

    Raises:
        ValueError: If there are no rows, or they differ in their columns.
    """
    if not rows:
        raise ValueError('there are no rows to draw')
    names = list(rows[0].pictures)
    for row in rows:
        if list(row.pictures) != names:
            raise ValueError(f'rows must have the same columns, but got '
                             f'{names} and {list(row.pictures)}')
    heights: List[float] = []
    for row in rows:
        heights += [_SOUND_HEIGHT, 1] if row.sounds else [1]
    notes = [{name: _fill(note, 24)
              for name, note in row.notes.items()} for row in rows]
    lines = sum(
        max((note.count('\n') + 1 for note in some.values()), default=0)
        for some in notes)
    figure = new_figure(_INCHES * len(names) + 1.2 + extra_width,
                        _INCHES * sum(heights) + 0.14 * lines + 0.7)
    grid = iter(
        figure.subplots(
            len(heights),
            len(names),
            squeeze=False,
            gridspec_kw=dict(height_ratios=heights)))
    top = None
    for row, note in zip(rows, notes):
        if row.sounds:
            strip = next(grid)
            top = strip if top is None else top
            for axis, name in zip(strip, names):
                _draw_sound(axis, row.sounds.get(name))
        axes = next(grid)
        top = axes if top is None else top
        for axis, name in zip(axes, names):
            axis.imshow(row.pictures[name], interpolation='nearest')
            axis.set_xticks([])
            axis.set_yticks([])
            if name in note:
                axis.set_xlabel(note[name], fontsize=7, labelpad=2)
        axes[0].set_ylabel(
            _fill(row.label, 18),
            rotation=0,
            ha='right',
            va='center',
            fontsize=7)
    for axis, name in zip(top, names):
        axis.set_title(textwrap.fill(name, 22), fontsize=9)
    if title:
        figure.suptitle(title, fontsize=10)
    return figure


def _fill(text: str, width: int) -> str:
    """Break lines that are too long; keep the breaks that are there."""
    return '\n'.join(
        textwrap.fill(line, width) for line in text.splitlines())


def _draw_sound(axis: 'Axes', sound: Optional[np.ndarray]) -> None:
    """One strip: time to the right, pitch upwards; nothing for None."""
    axis.set_xticks([])
    axis.set_yticks([])
    if sound is None:
        axis.set_frame_on(False)
        return
    low, high = SOUND_RANGE
    axis.imshow(
        sound.T,
        origin='lower',
        aspect='auto',
        cmap='magma',
        vmin=low,
        vmax=high,
        interpolation='nearest')
