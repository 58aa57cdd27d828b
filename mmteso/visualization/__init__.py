# Copyright (c) mmteso contributors. All rights reserved.
from .bar_chart import BarPanel, draw_bar_chart
from .heat_maps import HeatRow, draw_heat_grid, overlay_heat
from .overlays import FrameRow, draw_overlay_grid, overlay_mask
from .picture_grid import PictureRow, picture_grid

__all__ = [
    'BarPanel', 'FrameRow', 'HeatRow', 'PictureRow', 'draw_bar_chart',
    'draw_heat_grid', 'draw_overlay_grid', 'overlay_heat', 'overlay_mask',
    'picture_grid'
]
