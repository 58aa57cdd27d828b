# Copyright (c) mmteso contributors. All rights reserved.
import pytest
import torch
from mmdet.models.layers import (Mask2FormerTransformerDecoder,
                                 MSDeformAttnPixelDecoder)
from mmengine import ConfigDict
from mmseg.registry import MODELS
from torch import nn


class TinyMask2Former(nn.Module):
    """The three attention kinds, by mmseg's and mmdet's own modules."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = MODELS.build(
            dict(
                type='SwinTransformer',
                pretrain_img_size=32,
                embed_dims=8,
                depths=(1, 2, 1, 1),
                num_heads=(1, 2, 2, 4),
                window_size=2,
                mlp_ratio=2,
                drop_path_rate=0.5,
                strides=(2, 2, 2, 2),
                patch_size=2))
        self.pixel_decoder = MSDeformAttnPixelDecoder(
            in_channels=[8, 16, 32, 64],
            feat_channels=8,
            out_channels=8,
            norm_cfg=dict(type='GN', num_groups=2),
            encoder=ConfigDict(
                num_layers=2,
                layer_cfg=dict(
                    self_attn_cfg=dict(
                        embed_dims=8,
                        num_heads=2,
                        num_levels=3,
                        num_points=2,
                        batch_first=True),
                    ffn_cfg=dict(embed_dims=8, feedforward_channels=16))),
            positional_encoding=dict(num_feats=4, normalize=True))
        attention = dict(
            embed_dims=8, num_heads=2, dropout=0.1, batch_first=True)
        self.transformer_decoder = Mask2FormerTransformerDecoder(
            num_layers=2,
            layer_cfg=dict(
                self_attn_cfg=attention,
                cross_attn_cfg=attention,
                ffn_cfg=dict(embed_dims=8, feedforward_channels=16)))
        for module in (self.backbone, self.pixel_decoder,
                       self.transformer_decoder):
            module.init_weights()

    def forward(self, image, query):
        mask_features, levels = self.pixel_decoder(self.backbone(image))
        key = levels[-1].flatten(2).transpose(1, 2)
        blocked = torch.zeros(
            len(query) * 2, query.shape[1], key.shape[1], dtype=torch.bool)
        blocked[:, ::2, ::3] = True
        for layer in self.transformer_decoder.layers:
            query = layer(
                query=query, key=key, value=key, cross_attn_mask=blocked)
        return mask_features, query


@pytest.fixture
def network():
    torch.manual_seed(0)
    return TinyMask2Former()


@pytest.fixture
def inputs():
    return torch.randn(2, 3, 32, 32), torch.randn(2, 5, 8)
