# Copyright (c) mmteso contributors. All rights reserved.
"""Masks on frames, and grids of them."""
import textwrap
from dataclasses import dataclass, field
from typing import Dict, Sequence

import numpy as np


@dataclass
class FrameRow:
    """One row of :func:`draw_overlay_grid`.

    Attributes:
        image (np.ndarray): RGB, uint8 (H, W, 3).
        masks (dict[str, np.ndarray]): Bool (H, W) by column name.
        label (str): Written left of the row. Defaults to ''.
    """
    image: np.ndarray
    masks: Dict[str, np.ndarray] = field(default_factory=dict)
    label: str = ''


def overlay_mask(image: np.ndarray,
                 mask: np.ndarray,
                 dim: float = 0.4) -> np.ndarray:
    """Keep the colours of what is masked, grey and darken the rest.

    A tint would hide in objects of its own colour.

    Args:
        image (np.ndarray): RGB, uint8 (H, W, 3).
        mask (np.ndarray): Bool (H, W).
        dim (float): Brightness of what is outside the mask, in [0, 1].
            Defaults to 0.4.

    Returns:
        np.ndarray: RGB, uint8 (H, W, 3).

    Raises:
        ValueError: If mask and image differ in size.
    """
    if mask.shape != image.shape[:2]:
        raise ValueError(f'mask and image must have the same size, but got '
                         f'{mask.shape} and {image.shape[:2]}')
    grey = dim * image.mean(-1, keepdims=True)
    result = np.where(mask[..., None], image, grey)
    return result.round().astype(np.uint8)


def draw_overlay_grid(rows: Sequence[FrameRow], path: str,
                      title: str = '') -> None:
    """Write a picture of frames x masks.

    The first column is the bare frame, then one column per mask, in the order
    of the first row's masks.

    Args:
        rows (Sequence[FrameRow]): At least one; all with the same mask names.
        path (str): Image file to write.
        title (str): Written above. Defaults to ''.

    Raises:
        ValueError: If there are no rows, or they differ in their masks.
    """
    if not rows:
        raise ValueError('there are no rows to draw')
    names = list(rows[0].masks)
    for row in rows:
        if list(row.masks) != names:
            raise ValueError(f'rows must have the same masks, but got {names} '
                             f'and {list(row.masks)}')
    # Figure instead of pyplot: no global state and no display needed.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    figure = Figure(
        figsize=(1.6 * (len(names) + 1) + 1.2, 1.6 * len(rows) + 0.7),
        dpi=110,
        layout='constrained')
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(rows), len(names) + 1, squeeze=False)
    for axes, row in zip(grid, rows):
        pictures = [row.image]
        pictures += [overlay_mask(row.image, row.masks[n]) for n in names]
        for axis, picture in zip(axes, pictures):
            axis.imshow(picture, interpolation='nearest')
            axis.set_xticks([])
            axis.set_yticks([])
        axes[0].set_ylabel(
            textwrap.fill(row.label, 18),
            rotation=0,
            ha='right',
            va='center',
            fontsize=7)
    for axis, name in zip(grid[0], ['frame', *names]):
        axis.set_title(name, fontsize=9)
    if title:
        figure.suptitle(title, fontsize=10)
    figure.savefig(path)
