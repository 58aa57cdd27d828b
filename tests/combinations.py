# Copyright (c) mmteso contributors. All rights reserved.
"""Decode heads x backbones with sound and text: which pairs, and their models.

The heads are those of configs/combinations, as narrow as they are there.
"""
from copy import deepcopy
from functools import lru_cache
from typing import NamedTuple, Optional, Tuple

from backbones import BACKBONES, Backbone
from mmengine.config import ConfigDict
from narrow import load

NAMES = ('swin', 'resnet', 'mit', 'pvt_v2', 'hf_convnext', 'vit', 'beit',
         'hf_dinov2')


class Head(NamedTuple):
    """A decode head, with the auxiliary heads of its config.

    Attributes:
        config (str): Where it is taken from, in configs/combinations.
        reads (str): 'pyramid'; 'map', one map at a stride that a plain
            transformer has and not the coarsest one of a pyramid; or 'any'.
        levels (tuple[int], optional): Those of four levels that it and its
            auxiliary heads read; None for all.
    """
    config: str
    reads: str = 'pyramid'
    levels: Optional[Tuple[int, ...]] = None


HEADS = dict(teso=Head('teso_r18_synthavs-800it.py'),
             mask2former=Head('fusion-mask2former_r18_synthavs.py'),
             maskformer=Head('fusion-maskformer_r18_synthavs.py'),
             knet=Head('fusion-knet_r18_synthavs.py'),
             upernet=Head('fusion-upernet_swin_synthavs.py'),
             segformer=Head('fusion-segformer_mit_synthavs.py'),
             fcn=Head('fusion-fcn_r18_synthavs.py', 'any', (2, 3)),
             segmenter=Head('fusion-segmenter_vit_synthavs.py', 'map', (3, )),
             setr=Head('fusion-setr_vit_synthavs.py', 'map', (0, 1)))
PAIRS = [(head, name) for head in HEADS for name in NAMES
         if HEADS[head].reads != 'map' or BACKBONES[name].plain]


@lru_cache(maxsize=None)
def _model_of(config: str) -> ConfigDict:
    return load(f'combinations/{config}').model


def pair_model(head: str, backbone: str) -> ConfigDict:
    """Model config of a pair."""
    source, target = HEADS[head], BACKBONES[backbone]
    model = deepcopy(_model_of(source.config))
    if head == 'mask2former':
        # the config's TeSOHead without PMQS computes the same
        model.decode_head.type = 'Mask2FormerHead'
        model.decode_head.pop('pmqs')
    swap_backbone(model, target, target.plain and source.reads == 'pyramid')
    if model.get('fusion'):
        # of a ViT, whose four outputs not all heads read
        model.fusion.levels = source.levels
    return model


def swap_backbone(model: ConfigDict, target: Backbone,
                  with_neck: bool = False) -> None:
    """Put a model on another backbone, in place."""
    model.backbone = ConfigDict(deepcopy(target.config))
    model.pop('neck', None)
    channels = list(target.channels)
    if with_neck:  # a pyramid of one resolution
        model.neck = ConfigDict(type='Feature2Pyramid', embed_dim=channels[0],
                                rescales=[2, 1, 0.5, 0.25],
                                norm_cfg=dict(type='BN', requires_grad=True))
    auxiliary = model.get('auxiliary_head') or []
    if not isinstance(auxiliary, list):
        auxiliary = [auxiliary]
    for head in (model.decode_head, *auxiliary):
        head = head.get('kernel_generate_head', head)
        if isinstance(head.in_channels, (list, tuple)):
            head.in_channels = channels
        else:
            head.in_channels = channels[head.get('in_index', -1)]
        if head.type == 'SegmenterMaskTransformerHead':
            # its layers are as wide as what they read
            head.update(channels=head.in_channels, embed_dims=head.in_channels)
    if model.get('fusion'):
        model.fusion.in_channels = channels
