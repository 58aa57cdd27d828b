# Copyright (c) mmteso contributors. All rights reserved.
from typing import List, Sequence, Tuple

from mmcv.cnn import ConvModule
from mmdet.models.layers import MSDeformAttnPixelDecoder
from mmengine.config import ConfigDict
from torch import Tensor, nn


class AVSegFormerPixelDecoder(MSDeformAttnPixelDecoder):
    """Transformer encoder of three levels, and mask features of the finest.

    mmdet's pixel decoder of Mask2Former with what AVSegFormer does otherwise:
    the finest level is projected as the others are before it meets the
    encoder's output; positions aren't normalised; GELU and dropout in the
    encoder; no last convolution.

    Args:
        in_channels (Sequence[int]): Channels of the backbone's four levels,
            fine to coarse, of strides 4, 8, 16 and 32.
        channels (int): C. Defaults to 256.
        num_layers (int): Of the encoder. Defaults to 6.
        num_heads (int): Defaults to 8.
        ffn_channels (int): Defaults to 2048.
        dropout (float): Defaults to 0.1.
        num_groups (int): Of the group norms. Defaults to 32.
    """

    def __init__(self,
                 in_channels: Sequence[int],
                 channels: int = 256,
                 num_layers: int = 6,
                 num_heads: int = 8,
                 ffn_channels: int = 2048,
                 dropout: float = 0.1,
                 num_groups: int = 32) -> None:
        norm = dict(type='GN', num_groups=num_groups)
        super().__init__(
            in_channels=[channels, *in_channels[1:]],
            feat_channels=channels,
            out_channels=channels,
            norm_cfg=norm,
            encoder=ConfigDict(
                num_layers=num_layers,
                layer_cfg=dict(
                    self_attn_cfg=dict(
                        embed_dims=channels,
                        num_heads=num_heads,
                        num_levels=3,
                        dropout=dropout,
                        batch_first=True),
                    ffn_cfg=dict(
                        embed_dims=channels,
                        feedforward_channels=ffn_channels,
                        ffn_drop=dropout,
                        act_cfg=dict(type='GELU')))),
            positional_encoding=dict(num_feats=channels // 2))
        self.finest = ConvModule(
            in_channels[0], channels, 1, bias=True, norm_cfg=norm,
            act_cfg=None)
        self.lateral_convs[0] = ConvModule(
            channels, channels, 1, bias=True, norm_cfg=norm, act_cfg=None)
        self.output_convs[0] = ConvModule(
            channels, channels, 3, padding=1, bias=True, norm_cfg=norm)
        self.mask_feature = nn.Identity()

    def forward(self, feats: Sequence[Tensor]) -> Tuple[Tensor, List[Tensor]]:
        """Encode the backbone's levels.

        Returns:
            tuple[Tensor, list[Tensor]]: Mask features (B, C, H/4, W/4), and
            the encoder's output by level, coarse to fine, (B, C, h_i, w_i).
        """
        return super().forward([self.finest(feats[0]), *feats[1:]])
