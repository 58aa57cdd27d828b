# Copyright (c) mmteso contributors. All rights reserved.
"""Decode heads x backbones with sound and text: which pairs, and their models.

The heads are those of configs/combinations, as narrow as they are there; the
backbones are narrower still, for frames of 64 pixels.
"""
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from typing import Optional, Tuple

from mmengine.config import ConfigDict
from narrow import load

SIZE = 64
BN = dict(type='BN', requires_grad=True)


@dataclass(frozen=True)
class Backbone:
    """A backbone.

    Attributes:
        title (str): Its name in the table.
        config (dict): Its config.
        channels (tuple[int]): Of what it gives.
        plain (bool): Whether that is one resolution, a stride of 8, four
            times. Heads that read a pyramid then get it from mmseg's
            ``Feature2Pyramid``. Defaults to False.
    """
    title: str
    config: dict
    channels: Tuple[int, ...]
    plain: bool = False


@dataclass(frozen=True)
class Head:
    """A decode head, with the auxiliary heads of its config.

    Attributes:
        title (str): Its name in the table.
        config (str): The config that it is taken from, in
            configs/combinations.
        reads (str): 'pyramid'; 'map', one map at a stride that a plain
            transformer has; or 'any'. Defaults to 'pyramid'.
        fused (bool): Whether it hears through ``AudioTextFusion``. Defaults
            to True.
        levels (tuple[int], optional): Those of four levels that it and its
            auxiliary heads read. Defaults to None: all.
    """
    title: str
    config: str
    reads: str = 'pyramid'
    fused: bool = True
    levels: Optional[Tuple[int, ...]] = None


_VIT = dict(
    img_size=(SIZE, SIZE),
    patch_size=8,
    embed_dims=24,
    num_layers=4,
    num_heads=2,
    mlp_ratio=2,
    out_indices=(0, 1, 2, 3))
BACKBONES = dict(
    swin=Backbone(
        'Swin',
        dict(
            type='SwinTransformer',
            pretrain_img_size=SIZE,
            embed_dims=8,
            depths=[1, 2, 1, 1],
            num_heads=[1, 2, 4, 8],
            window_size=4), (8, 16, 32, 64)),
    resnet=Backbone(
        'ResNet',
        dict(type='ResNetV1c', depth=18, stem_channels=8, base_channels=8),
        (8, 16, 32, 64)),
    mit=Backbone(
        'MiT',
        dict(
            type='MixVisionTransformer',
            embed_dims=8,
            num_layers=[1, 1, 1, 1],
            num_heads=[1, 2, 4, 4],
            qkv_bias=True), (8, 16, 32, 32)),
    pvtv2=Backbone(
        'PVTv2 (mmdet)',
        dict(
            type='mmdet.PyramidVisionTransformerV2',
            embed_dims=8,
            num_layers=[1, 1, 1, 1],
            num_heads=[1, 2, 4, 4]), (8, 16, 32, 32)),
    convnext=Backbone(
        'ConvNeXt (transformers)',
        dict(
            type='TransformersBackbone',
            model_type='convnext',
            config=dict(hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1])),
        (8, 16, 24, 32)),
    vit=Backbone(
        'ViT',
        dict(type='VisionTransformer', with_cls_token=True, **_VIT),
        (24, ) * 4,
        plain=True),
    beit=Backbone(
        'BEiT',
        dict(type='BEiT', init_values=0.1, **_VIT), (24, ) * 4,
        plain=True),
    dinov2=Backbone(
        'DINOv2 (transformers)',
        dict(
            type='TransformersBackbone',
            model_type='dinov2',
            config=dict(
                image_size=SIZE,
                patch_size=8,
                hidden_size=24,
                num_hidden_layers=4,
                num_attention_heads=2,
                mlp_ratio=2)), (24, ) * 4,
        plain=True),
)
HEADS = dict(
    teso=Head('TeSOHead (PMQS)', 'teso_r18_synthavs-800it.py', fused=False),
    mask2former=Head('Mask2FormerHead', 'fusion-mask2former_r18_synthavs.py'),
    maskformer=Head('MaskFormerHead', 'fusion-maskformer_r18_synthavs.py'),
    knet=Head('IterativeDecodeHead (K-Net)', 'fusion-knet_r18_synthavs.py'),
    upernet=Head('UPerHead, FCNHead auxiliary',
                 'fusion-upernet_swin_synthavs.py'),
    segformer=Head('SegformerHead', 'fusion-segformer_mit_synthavs.py'),
    fcn=Head('FCNHead, ASPPHead auxiliary', 'fusion-fcn_r18_synthavs.py',
             'any',
             levels=(2, 3)),
    segmenter=Head('SegmenterMaskTransformerHead',
                   'fusion-segmenter_vit_synthavs.py', 'map',
                   levels=(3, )),
    setr=Head('SETRUPHead, twice', 'fusion-setr_vit_synthavs.py', 'map',
              levels=(0, 1)),
)


def why_not(head: Head, backbone: Backbone) -> Optional[str]:
    """Why a pair makes no sense; None if it does."""
    if head.reads == 'map' and not backbone.plain:
        return ("made for the one map of a plain transformer; of a pyramid "
                'it would read the coarsest level, at a stride of 32, and no '
                'other')
    return None


PAIRS = [(head, backbone) for head in HEADS for backbone in BACKBONES
         if why_not(HEADS[head], BACKBONES[backbone]) is None]


@lru_cache(maxsize=None)
def _model_of(config: str) -> ConfigDict:
    return load(f'combinations/{config}').model


def pair_model(head: str, backbone: str) -> ConfigDict:
    """Model config of a pair.

    Args:
        head (str): One of :data:`HEADS`.
        backbone (str): One of :data:`BACKBONES`.
    """
    source, target = HEADS[head], BACKBONES[backbone]
    model = deepcopy(_model_of(source.config))
    if head == 'mask2former':
        # the config's TeSOHead without PMQS computes the same
        model.decode_head.type = 'Mask2FormerHead'
        model.decode_head.pop('pmqs')
    with_neck = target.plain and source.reads == 'pyramid'
    swap_backbone(model, target, with_neck)
    if source.fused:
        # of a ViT, whose four outputs not all heads read
        model.fusion.levels = source.levels
    return model


def swap_backbone(model: ConfigDict, target: Backbone,
                  with_neck: bool = False) -> None:
    """Put a model on another backbone, in place."""
    model.backbone = ConfigDict(deepcopy(target.config))
    model.pop('neck', None)
    channels = target.channels
    if with_neck:
        model.neck = ConfigDict(
            type='Feature2Pyramid',
            embed_dim=channels[0],
            rescales=[2, 1, 0.5, 0.25],
            norm_cfg=BN)
    auxiliary = model.get('auxiliary_head') or []
    if not isinstance(auxiliary, list):
        auxiliary = [auxiliary]
    for part in (model.decode_head, *auxiliary):
        _read(part.get('kernel_generate_head', part), channels)
    if model.get('fusion'):
        model.fusion.in_channels = list(channels)


def _read(head: ConfigDict, channels: Tuple[int, ...]) -> None:
    """Make a head read levels of these widths."""
    if isinstance(head.in_channels, (list, tuple)):
        head.in_channels = list(channels)
    else:
        head.in_channels = channels[head.get('in_index', -1)]
        if head.type == 'SegmenterMaskTransformerHead':
            # its layers are as wide as what they read
            head.update(
                channels=head.in_channels, embed_dims=head.in_channels)
