# Copyright (c) mmteso contributors. All rights reserved.
from .bar_chart import BarPanel, draw_bar_chart
from .picture_grid import (PictureRow, draw_picture_grid, overlay_heat,
                           overlay_mask)
from .tables import format_number, format_table

__all__ = [
    'BarPanel', 'PictureRow', 'draw_bar_chart', 'draw_picture_grid',
    'format_number', 'format_table', 'overlay_heat', 'overlay_mask'
]
