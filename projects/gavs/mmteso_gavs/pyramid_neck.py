# Copyright (c) mmteso contributors. All rights reserved.
from typing import Sequence, Tuple

import torch.nn.functional as F
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmteso.models.sam import import_sam


@MODELS.register_module()
class SummedPyramid(BaseModule):
    """One map of a backbone's levels, in the place of SAM's image embedding.

    SAM's neck with a projection for each level; their sum has the size of one
    of them.

    Args:
        in_channels (Sequence[int]): Channels of the levels.
        out_channels (int): C. Defaults to 256.
        level (int): Whose size the map has. Defaults to 1: of a pyramid from
            stride 4 on, stride 8.
    """

    def __init__(self,
                 in_channels: Sequence[int],
                 out_channels: int = 256,
                 level: int = 1) -> None:
        super().__init__()
        self.level = level
        self.laterals = nn.ModuleList(
            nn.Conv2d(width, out_channels, 1) for width in in_channels)
        norm = import_sam().SamLayerNorm
        self.output = nn.Sequential(
            norm(out_channels, data_format='channels_first'),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
            norm(out_channels, data_format='channels_first'))

    def forward(self, x: Sequence[Tensor]) -> Tuple[Tensor]:
        """Levels (B, C_i, h_i, w_i) -> one map, (B, C, h, w)."""
        size = x[self.level].shape[2:]
        return (self.output(
            sum(
                F.interpolate(
                    lateral(level), size, mode='bilinear', align_corners=False)
                for lateral, level in zip(self.laterals, x))), )
