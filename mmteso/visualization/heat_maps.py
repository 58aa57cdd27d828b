# Copyright (c) mmteso contributors. All rights reserved.
"""Attention on frames, and grids of it."""
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Dict, Optional, Sequence

import numpy as np

from .picture_grid import PictureRow, picture_grid

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLORS = 'inferno'


@dataclass
class HeatRow:
    """One row of :func:`draw_heat_grid`.

    Attributes:
        image (np.ndarray): RGB, uint8 (H, W, 3).
        heats (dict[str, np.ndarray]): Non-negative floats (H, W) by column
            name.
        label (str): Written left of the row. Defaults to ''.
        pictures (dict[str, np.ndarray]): Further pictures, RGB uint8
            (H, W, 3), between the frame and the heat maps, by column name.
            Defaults to none.
        notes (dict[str, str]): Written below some pictures, by column name.
            Defaults to none.
    """
    image: np.ndarray
    heats: Dict[str, np.ndarray]
    label: str = ''
    pictures: Dict[str, np.ndarray] = field(default_factory=dict)
    notes: Dict[str, str] = field(default_factory=dict)


def overlay_heat(image: np.ndarray,
                 heat: np.ndarray,
                 highest: float,
                 strength: float = 0.75) -> np.ndarray:
    """Colour a grey frame by a heat map.

    Args:
        image (np.ndarray): RGB, uint8 (H, W, 3).
        heat (np.ndarray): Non-negative floats, (H, W).
        highest (float): The heat of the brightest colour; more looks the
            same. 0 draws all of it in the darkest one.
        strength (float): Share of the colour, the rest is the frame's grey,
            in [0, 1]. Defaults to 0.75.

    Returns:
        np.ndarray: RGB, uint8 (H, W, 3).

    Raises:
        ValueError: If heat and image differ in size, or the heat is negative
            or not finite.
    """
    if heat.shape != image.shape[:2]:
        raise ValueError(f'heat and image must have the same size, but got '
                         f'{heat.shape} and {image.shape[:2]}')
    if not np.isfinite(heat).all() or (heat < 0).any():
        raise ValueError('the heat must be finite and not negative, but its '
                         f'range is {heat.min()} to {heat.max()}')
    from matplotlib import colormaps
    level = np.clip(heat / highest, 0, 1) if highest > 0 else 0 * heat
    colors = 255 * colormaps[_COLORS](level)[..., :3]
    grey = image.mean(-1, keepdims=True)
    result = strength * colors + (1 - strength) * grey
    return result.round().astype(np.uint8)


def draw_heat_grid(rows: Sequence[HeatRow],
                   path: str,
                   title: str = '',
                   unit: str = '',
                   highest: Optional[float] = None) -> 'Figure':
    """Write a picture of frames x heat maps, all on one scale.

    Args:
        rows (Sequence[HeatRow]): At least one; all with the same columns.
        path (str): Image file to write.
        title (str): Written above. Defaults to ''.
        unit (str): Written at the colour scale. Defaults to ''.
        highest (float, optional): See :func:`overlay_heat`. Defaults to None:
            the 99.5th percentile of all heat maps, so that a few hot pixels
            don't darken the rest.

    Returns:
        Figure: What was written; see :func:`picture_grid`. The last axes are
        the colour scale's.

    Raises:
        ValueError: If there are no rows, they differ in their columns, or a
            heat map doesn't fit its frame.
    """
    if not rows:
        raise ValueError('there are no rows to draw')
    if highest is None:
        values = [heat.ravel() for row in rows for heat in row.heats.values()]
        highest = float(np.percentile(np.concatenate(values), 99.5))
    pictures = []
    for row in rows:
        columns = dict(frame=row.image, **row.pictures)
        for name, heat in row.heats.items():
            columns[name] = overlay_heat(row.image, heat, highest)
        pictures.append(PictureRow(columns, row.label, notes=row.notes))
    figure = picture_grid(pictures, title, extra_width=0.9)
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    scale = ScalarMappable(Normalize(0, highest or 1), _COLORS)
    figure.colorbar(
        scale, ax=figure.axes, label=unit, aspect=30,
        shrink=min(1, 3 / len(rows)))
    figure.savefig(path)
    return figure
