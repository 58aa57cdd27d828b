# Copyright (c) mmteso contributors. All rights reserved.
"""Small random Mask2Formers, transformers' and mmsegmentation's own.

Their weights are shaken, so that none is where it starts (a bias of 0, a norm
of 1) and a forgotten or misplaced one shows in the output.
"""
from unittest import mock

import torch
from mmseg.structures import SegDataSample
from narrow import narrow_model, set_classes, stock_model

# Two channels in each of the 32 groups of transformers' group norms: alone in
# its group, a channel loses its bias.
WIDTH = 64
STOCK = dict(swin='swin-t', resnet='r50')
_BACKBONES = dict(
    swin=dict(embed_dim=8, depths=[2, 1, 1, 1], num_heads=[1, 2, 4, 8],
              window_size=4, image_size=64), resnet=dict(
        embedding_size=8, hidden_sizes=[32, 64, 128, 256],
        depths=[3, 4, 6, 3]))


def shake(module, seed=0, scale=0.1):
    """Move all weights and statistics from where they are, in place."""
    rng = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        parameter.data += scale * torch.randn(parameter.shape, generator=rng)
    for name, value in module.named_buffers():
        if name.endswith('running_mean'):
            value.data.normal_(generator=rng)
        if name.endswith('running_var'):
            value.data.uniform_(1, 3, generator=rng)
    return module


def tiny_hf_mask2former(kind, backbone=(), num_classes=5, **settings):
    """A ``Mask2FormerForUniversalSegmentation`` on a 'swin' or a 'resnet'.

    With settings of its backbone's configuration and of its own.
    """
    from transformers import (Mask2FormerConfig,
                              Mask2FormerForUniversalSegmentation,
                              ResNetConfig, SwinConfig)
    backbone = dict(swin=SwinConfig, resnet=ResNetConfig)[kind](
        out_features=['stage1', 'stage2', 'stage3', 'stage4'],
        **{**_BACKBONES[kind], **dict(backbone)})
    settings = {**dict(feature_size=WIDTH, mask_feature_size=WIDTH,
                       hidden_dim=WIDTH, encoder_feedforward_dim=WIDTH,
                       dim_feedforward=WIDTH, encoder_layers=2,
                       decoder_layers=5, num_attention_heads=4, num_queries=8),
                **settings}
    torch.manual_seed(0)
    model = Mask2FormerForUniversalSegmentation(
        Mask2FormerConfig(backbone_config=backbone,
                          id2label={i: f'class {i}'
                                    for i in range(num_classes)}, **settings))
    return shake(model).eval()


def narrow_like_hf(model):
    """Narrow a model's config to what :func:`tiny_hf_mask2former` has."""
    with mock.patch('narrow.WIDTH', WIDTH):
        narrow_model(model)
    pixel = model.decode_head.pixel_decoder
    # what transformers has no setting for
    pixel.norm_cfg.num_groups = 32
    pixel.encoder.layer_cfg.self_attn_cfg.num_points = 4
    return model


def tiny_stock_config(kind, num_classes=5):
    """Model config of mmsegmentation's own, as narrow."""
    model = narrow_like_hf(stock_model(STOCK[kind], narrow=False))
    return set_classes(model, num_classes)


def stock_logits(model, image):
    """Class and mask logits of mmsegmentation's Mask2Former."""
    shape = tuple(image.shape[-2:])
    samples = [
        SegDataSample(metainfo=dict(img_shape=shape, batch_input_shape=shape))
        for _ in image]
    classes, masks = model.decode_head(model.backbone(image), samples)
    return classes[-1], masks[-1]


def hf_logits(model, image):
    """Class and mask logits of transformers' Mask2Former."""
    output = model(pixel_values=image)
    return output.class_queries_logits, output.masks_queries_logits
