# Copyright (c) mmteso contributors. All rights reserved.
from .figures import (BarPanel, PictureRow, draw_bar_chart, draw_picture_grid,
                      draw_sound, overlay_heat, overlay_mask)

__all__ = [
    'BarPanel', 'PictureRow', 'draw_bar_chart', 'draw_picture_grid',
    'draw_sound', 'overlay_heat', 'overlay_mask'
]
