# Copyright (c) mmteso contributors. All rights reserved.
from .overlays import FrameRow, draw_overlay_grid, overlay_mask

__all__ = ['FrameRow', 'draw_overlay_grid', 'overlay_mask']
