# Copyright (c) mmteso contributors. All rights reserved.
"""Masks on frames, and grids of them."""
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Dict, Sequence

import numpy as np

from .picture_grid import PictureRow, picture_grid

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass
class FrameRow:
    """One row of :func:`draw_overlay_grid`.

    Attributes:
        image (np.ndarray): RGB, uint8 (H, W, 3).
        masks (dict[str, np.ndarray]): Bool (H, W) by column name.
        label (str): Written left of the row. Defaults to ''.
        sounds (dict[str, np.ndarray]): Log-mel spectrograms, (time, mel), by
            column name, drawn above the masks. Defaults to none.
        notes (dict[str, str]): Written below some masks, by column name.
            Defaults to none.
    """
    image: np.ndarray
    masks: Dict[str, np.ndarray] = field(default_factory=dict)
    label: str = ''
    sounds: Dict[str, np.ndarray] = field(default_factory=dict)
    notes: Dict[str, str] = field(default_factory=dict)


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
                      title: str = '') -> 'Figure':
    """Write a picture of frames x masks.

    The first column is the bare frame, then one column per mask, in the order
    of the first row's masks.

    Args:
        rows (Sequence[FrameRow]): At least one; all with the same mask names.
        path (str): Image file to write.
        title (str): Written above. Defaults to ''.

    Returns:
        Figure: What was written; see :func:`picture_grid`.

    Raises:
        ValueError: If there are no rows, or they differ in their masks.
    """
    names = list(rows[0].masks) if rows else []
    pictures = []
    for row in rows:
        if list(row.masks) != names:
            raise ValueError(f'rows must have the same masks, but got {names} '
                             f'and {list(row.masks)}')
        columns = dict(frame=row.image)
        for name, mask in row.masks.items():
            columns[name] = overlay_mask(row.image, mask)
        pictures.append(
            PictureRow(columns, row.label, row.sounds, row.notes))
    figure = picture_grid(pictures, title)
    figure.savefig(path)
    return figure
