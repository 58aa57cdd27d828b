# Copyright (c) mmteso contributors. All rights reserved.
"""Each kind of attention, in the heads that have it."""
import pytest
import torch
from adapter_checks import PLAIN, build, check, maps
from mmseg.structures import SegDataSample

from mmteso.models.adapters import BottleneckAdapter, inject_adapters

MHA = dict(embed_dims=8, num_heads=2, dropout=0.1, batch_first=True)
FFN = dict(embed_dims=8, feedforward_channels=8, num_fcs=2, add_identity=True,
           act_cfg=dict(type='ReLU', inplace=True))  # yapf: disable
MASKFORMER = dict(
    type='MaskFormerHead',
    in_channels=[8, 16, 32, 64],
    feat_channels=8,
    out_channels=8,
    num_classes=2,
    num_queries=4,
    pixel_decoder=dict(
        type='mmdet.TransformerEncoderPixelDecoder',
        norm_cfg=dict(type='GN', num_groups=2),
        act_cfg=dict(type='ReLU'),
        encoder=dict(
            num_layers=2, layer_cfg=dict(self_attn_cfg=MHA, ffn_cfg=FFN)),
        positional_encoding=dict(num_feats=4, normalize=True)),
    positional_encoding=dict(num_feats=4, normalize=True),
    transformer_decoder=dict(
        return_intermediate=True,
        num_layers=2,
        layer_cfg=dict(self_attn_cfg=MHA, cross_attn_cfg=MHA, ffn_cfg=FFN)),
    loss_cls=dict(
        type='mmdet.CrossEntropyLoss', class_weight=[1.0, 1.0, 0.1]),
    loss_mask=dict(type='mmdet.FocalLoss'),
    loss_dice=dict(type='mmdet.DiceLoss'))
KNET = dict(
    type='IterativeDecodeHead',
    num_stages=2,
    kernel_update_head=[
        dict(
            type='KernelUpdateHead',
            num_classes=2,
            num_ffn_fcs=2,
            num_heads=2,
            num_mask_fcs=1,
            feedforward_channels=8,
            in_channels=8,
            out_channels=8,
            conv_kernel_size=1,
            kernel_updator_cfg=dict(
                type='KernelUpdator',
                in_channels=8,
                feat_channels=8,
                out_channels=8)) for _ in range(2)
    ],
    kernel_generate_head=dict(
        PLAIN, type='FCNHead', in_channels=64, in_index=3, num_convs=1))
SEGMENTER = dict(
    PLAIN,
    type='SegmenterMaskTransformerHead',
    in_channels=64,
    in_index=3,
    num_layers=2,
    num_heads=2,
    embed_dims=16)
HEADS_OF = dict(
    maskformer=(MASKFORMER, dict(pixel_self=2, cross=2, self=2)),
    knet=(KNET, dict(self=2)),
    segmenter=(SEGMENTER, dict(self=2)))


def features(size=16):
    rng = torch.Generator().manual_seed(0)
    return [
        torch.randn(2, 8 * 2**i, size // 2**i, size // 2**i, generator=rng)
        for i in range(4)
    ]


def head_outputs(head, levels):
    if type(head).__name__ != 'MaskFormerHead':
        return maps(head, levels)
    shape = dict(img_shape=(64, 64), batch_input_shape=(64, 64))
    samples = [SegDataSample(metainfo=shape) for _ in range(2)]
    classes, masks = head(levels, samples)
    return [classes, masks]


@pytest.mark.parametrize('name', HEADS_OF)
def test_heads(name):
    config, counts = HEADS_OF[name]
    head = build(config)
    head.init_weights()
    check(head, features(), counts, head_outputs)


def test_segmenters_layers_are_not_the_backbones():
    """Both are made of ViT's layers."""
    model = build(
        dict(
            type='EncoderDecoder',
            backbone=dict(
                type='VisionTransformer',
                img_size=64,
                embed_dims=16,
                num_layers=3,
                num_heads=2,
                out_indices=2),
            decode_head=dict(SEGMENTER, in_channels=16, in_index=0)))
    assert len(inject_adapters(model, ['global'])) == 3
    for name, module in model.named_modules():
        if isinstance(module, BottleneckAdapter):
            assert name.startswith('backbone.layers.'), name
    assert len(inject_adapters(model, ['self'])) == 2
