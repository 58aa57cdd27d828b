# Copyright (c) mmteso contributors. All rights reserved.
from .figures import (BarPanel, PictureRow, draw_bar_chart, draw_picture_grid,
                      overlay_heat, overlay_mask)
from .tables import format_number, format_table

__all__ = [
    'BarPanel', 'PictureRow', 'draw_bar_chart', 'draw_picture_grid',
    'format_number', 'format_table', 'overlay_heat', 'overlay_mask'
]
