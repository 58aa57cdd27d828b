# Copyright (c) mmteso contributors. All rights reserved.
"""Masks and heat on frames, and pictures in rows and columns."""
import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Dict, Optional, Sequence, Tuple

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# of log-mels: log(0.01), a silent band, and about the loudest that one gets
SOUND_RANGE = (-4.6, 2.5)
_SOUND_HEIGHT = 0.4  # of a picture's
_INCHES = 1.6  # a picture's side
_HEAT_COLORS = 'inferno'


def overlay_mask(image: np.ndarray,
                 mask: np.ndarray,
                 dim: float = 0.4) -> np.ndarray:
    """Keep an image's colours inside of a mask, grey and darken the rest.

    A tint would hide in objects of its own colour. RGB, uint8 (H, W, 3), and
    bool (H, W).
    """
    grey = dim * image.mean(-1, keepdims=True)
    return np.where(mask[..., None], image, grey).round().astype(np.uint8)


def overlay_heat(image: np.ndarray,
                 heat: np.ndarray,
                 highest: float,
                 strength: float = 0.75) -> np.ndarray:
    """Colour a grey image by a heat map (H, W) of non-negative numbers.

    ``highest`` has the brightest colour; ``strength`` in [0, 1] is the share
    of the colour, the rest is the image's grey.
    """
    from matplotlib import colormaps
    level = np.clip(heat / (highest or 1), 0, 1)
    colors = 255 * colormaps[_HEAT_COLORS](level)[..., :3]
    grey = image.mean(-1, keepdims=True)
    result = strength * colors + (1 - strength) * grey
    return result.round().astype(np.uint8)


@dataclass
class PictureRow:
    """One row of :func:`draw_picture_grid`.

    Attributes:
        pictures (dict[str, np.ndarray]): RGB, uint8 (H, W, 3), by column.
        label (str): Written left of the row.
        sounds (dict[str, np.ndarray]): Log-mel spectrograms, (time, mel), by
            column; drawn in a strip above the row's pictures.
        notes (dict[str, str]): Written below some pictures, by column.
    """
    pictures: Dict[str, np.ndarray]
    label: str = ''
    sounds: Dict[str, np.ndarray] = field(default_factory=dict)
    notes: Dict[str, str] = field(default_factory=dict)


def new_figure(width: float, height: float) -> 'Figure':
    """A figure in inches without pyplot: no global state, no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    figure = Figure(figsize=(width, height), dpi=110, layout='constrained')
    FigureCanvasAgg(figure)
    return figure


def draw_picture_grid(
        rows: Sequence[PictureRow],
        path: str,
        title: str = '',
        heat_scale: Optional[Tuple[float, str]] = None) -> 'Figure':
    """Write pictures in rows and columns.

    Args:
        rows (Sequence[PictureRow]): At least one; all with the same columns.
        path (str): Image file to write.
        title (str): Written above. Defaults to ''.
        heat_scale (tuple[float, str], optional): Highest heat and unit of a
            colour scale beside the grid. Defaults to None: no scale.

    Returns:
        Figure: What was written. Its ``axes`` are those of the pictures and
        strips, row by row, then that of the scale.
    """
    columns = {tuple(row.pictures) for row in rows}
    if len(columns) != 1:
        raise ValueError(
            f'expected rows of the same pictures, but got {sorted(columns)}')
    names, = columns
    heights = [
        height for row in rows
        for height in [_SOUND_HEIGHT] * bool(row.sounds) + [1]
    ]
    notes = [{name: _fill(text, 24)
              for name, text in row.notes.items()} for row in rows]
    lines = sum(
        max([text.count('\n') + 1 for text in some.values()], default=0)
        for some in notes)
    figure = new_figure(
        _INCHES * len(names) + (2.1 if heat_scale else 1.2),
        _INCHES * sum(heights) + 0.14 * lines + 0.7)
    grid = figure.subplots(
        len(heights), len(names), squeeze=False, height_ratios=heights)
    for axis, name in zip(grid[0], names):
        axis.set_title(textwrap.fill(name, 22), fontsize=9)
    for axis in grid.flat:
        axis.set(xticks=[], yticks=[])
    lines_of_axes = iter(grid)
    for row, texts in zip(rows, notes):
        if row.sounds:
            for axis, name in zip(next(lines_of_axes), names):
                _draw_sound(axis, row.sounds.get(name))
        axes = next(lines_of_axes)
        for axis, name in zip(axes, names):
            axis.imshow(row.pictures[name], interpolation='nearest')
            axis.set_xlabel(texts.get(name, ''), fontsize=7, labelpad=2)
        axes[0].set_ylabel(_fill(row.label, 18), rotation=0, ha='right',
                           va='center', fontsize=7)
    if heat_scale:
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize
        highest, unit = heat_scale
        figure.colorbar(
            ScalarMappable(Normalize(0, highest or 1), _HEAT_COLORS),
            ax=figure.axes,
            label=unit,
            aspect=30,
            shrink=min(1, 3 / len(rows)))
    figure.suptitle(title, fontsize=10)
    figure.savefig(path)
    return figure


def _fill(text: str, width: int) -> str:
    """Break lines that are too long; keep the breaks that are there."""
    return '\n'.join(
        textwrap.fill(line, width) for line in text.splitlines())


def _draw_sound(axis, sound: Optional[np.ndarray]) -> None:
    """One strip: time to the right, pitch upwards; nothing for None."""
    axis.set_frame_on(sound is not None)
    if sound is not None:
        low, high = SOUND_RANGE
        axis.imshow(sound.T, cmap='magma', vmin=low, vmax=high,
                    origin='lower', aspect='auto', interpolation='nearest')
