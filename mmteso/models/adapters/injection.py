# Copyright (c) mmteso contributors. All rights reserved.
"""Put adapters into the attention layers of a built network (paper 3.5).

The paper adapts three kinds of attention, Mask2Former's (``'window'``,
``'deformable'``, ``'cross'``); the others are for other backbones and heads.
Each adapter follows the output projection.

======================= =======================================================
kind                    attention
======================= =======================================================
``'window'``            Swin's W-MSA, and that of Twins-SVT
``'spatial_reduction'`` attention to a smaller map: PVT's, MiT's, Twins'
``'global'``            self-attention of a plain ViT, of BEiT, MAE, ...
``'deformable'``        Mask2Former's pixel decoder
``'pixel_self'``        self-attention of MaskFormer's pixel decoder
``'cross'``             Masked Attention of Mask2Former's transformer decoder,
                        cross-attention of MaskFormer's
``'self'``              self-attention of a head's queries: Mask2Former's (off
                        in the paper), MaskFormer's, K-Net's, Segmenter's
``'sam'``               SAM's image encoder, windowed and global
``'sam_cross'``         cross-attention of SAM's mask decoder, from tokens to
                        image, back, and the final one
======================= =======================================================

What the tables below don't know can't be adapted and is named: in an error
where a wanted kind is missing, and otherwise in the log. Of a segmentor only
backbone, neck and heads are searched, not the audio encoder.

Adapted layers keep the parameter names of the layers they replace: a stock
checkpoint loads as it is, with only ``*.adapter.*`` missing.
"""
import re
import sys
from typing import Dict, Iterator, List, Sequence, Tuple

from mmcv.ops import MultiScaleDeformableAttention
from mmdet.models.backbones.pvt import SpatialReductionAttention
from mmdet.models.backbones.swin import WindowMSA as DetWindowMSA
from mmdet.models.layers import (DetrTransformerDecoderLayer,
                                 DetrTransformerEncoderLayer)
from mmengine.logging import print_log
from mmseg.models.backbones.beit import BEiTAttention
from mmseg.models.backbones.mit import EfficientMultiheadAttention
from mmseg.models.backbones.swin import WindowMSA
from mmseg.models.backbones.twins import LocallyGroupedSelfAttention
from mmseg.models.backbones.vit import TransformerEncoderLayer
from mmseg.models.decode_heads import SegmenterMaskTransformerHead
from mmseg.models.decode_heads.knet_head import KernelUpdateHead
from mmseg.models.segmentors import BaseSegmentor
from torch import nn

from .bottleneck import (AdaptedLinear, AdaptedMultiheadAttention,
                         BottleneckAdapter)

KINDS = ('window', 'spatial_reduction', 'global', 'deformable', 'pixel_self',
         'cross', 'self', 'sam', 'sam_cross')

#: Kind and path of the layer to adapt, by class; subclasses count too. Of
#: mmcv's MultiheadAttention the inner ``attn`` is adapted: its output comes
#: before dropout and the identity connection.
LAYERS = {
    WindowMSA: [('window', 'proj')],
    DetWindowMSA: [('window', 'proj')],
    LocallyGroupedSelfAttention: [('window', 'proj')],
    EfficientMultiheadAttention: [('spatial_reduction', 'attn')],
    SpatialReductionAttention: [('spatial_reduction', 'attn')],
    TransformerEncoderLayer: [('global', 'attn.attn')],
    BEiTAttention: [('global', 'proj')],
    MultiScaleDeformableAttention: [('deformable', 'output_proj')],
    DetrTransformerEncoderLayer: [('pixel_self', 'self_attn.attn')],
    DetrTransformerDecoderLayer: [('cross', 'cross_attn.attn'),
                                  ('self', 'self_attn.attn')],
    KernelUpdateHead: [('self', 'attention.attn')],
}

_SAM = 'transformers.models.sam.modeling_sam'
_HF = 'transformers.models.{0}.modeling_{0}'
#: The same of packages that are not imported here. A model with their layers
#: has imported them; others don't wait for that. Of two paths the first one
#: is transformers' since 5, the second one that before.
FOREIGN_LAYERS = {
    (_SAM, 'SamVisionAttention'): [('sam', 'proj')],
    (_SAM, 'SamTwoWayAttentionBlock'):
    [('sam_cross', 'cross_attn_token_to_image.out_proj'),
     ('sam_cross', 'cross_attn_image_to_token.out_proj')],
    (_SAM, 'SamTwoWayTransformer'): [('sam_cross',
                                      'final_attn_token_to_image.out_proj')],
    **{(_HF.format(model), name): [(kind, 'o_proj|output.dense')]
       for model, name, kind in [
           ('swin', 'SwinAttention', 'window'),
           ('swinv2', 'Swinv2Attention', 'window'),
           ('vit', 'ViTAttention', 'global'),
           ('beit', 'BeitAttention', 'global'),
           ('dinov2', 'Dinov2Attention', 'global'),
           ('dinov2_with_registers', 'Dinov2WithRegistersAttention', 'global'),
           ('dinov3_vit', 'DINOv3ViTAttention', 'global'),
       ]},
    (_HF.format('pvt_v2'), 'PvtV2SelfAttention'):
    [('spatial_reduction', 'proj')],
    (_HF.format('vitdet'), 'VitDetAttention'): [('global', 'proj')],
    **{(f'timm.models.{model}', name): [(kind, 'proj')]
       for model, name, kind in [
           ('swin_transformer', 'WindowAttention', 'window'),
           ('swin_transformer_v2', 'WindowAttention', 'window'),
           ('twins', 'LocallyGroupedAttn', 'window'),
           ('twins', 'GlobalSubSampleAttn', 'spatial_reduction'),
           ('pvt_v2', 'Attention', 'spatial_reduction'),
           ('vision_transformer', 'Attention', 'global'),
           ('beit', 'Attention', 'global'),
           ('eva', 'EvaAttention', 'global'),
       ]},
}  # yapf: disable


#: A layer that can be adapted: ``getattr(owner, attribute)``.
Place = Tuple[nn.Module, str]


# By their names: a base class that all of them share there is not.
_ATTENTION = re.compile('Attention|Attn|MSA|NonLocal')


def inject_adapters(
        model: nn.Module,
        kinds: Sequence[str] = ('window', 'deformable', 'cross'),
        ratio: int = 4) -> List[BottleneckAdapter]:
    """Adapt every attention layer of the given kinds, in place.

    Args:
        model (nn.Module): A segmentor or a part of one.
        kinds (Sequence[str]): See the module's docstring. Defaults to the
            paper's three.
        ratio (int): Bottleneck ratio. Defaults to 4 (release).

    Returns:
        list[BottleneckAdapter]: The new adapters.

    Raises:
        ValueError: If a kind is unknown, the model has no such layer (a
            ResNet has no window attention), or it is adapted already. The
            message names what attention the model has instead.
    """
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise ValueError(f'adapter kinds must be among {KINDS}, but got '
                         f'{unknown}')
    layers, others = find_attention(model)
    absent = [kind for kind in kinds if kind not in layers]
    if absent:
        raise ValueError(
            f'no attention layer of kind {absent} to adapt in '
            f'{type(model).__name__}; it has {sorted(layers)}' +
            (f', and {others}, which no kind covers' if others else '') +
            '. Set adapters=dict(kinds=...) to those, or leave out adapters')
    adapters = []
    for kind in dict.fromkeys(kinds):
        for owner, attribute in layers[kind]:
            layer = getattr(owner, attribute)
            if hasattr(layer, 'adapter'):
                # a second one would take the first one's place and name
                raise ValueError(f'the layers of kind {kind!r} of '
                                 f'{type(model).__name__} have adapters '
                                 'already')
            cls = AdaptedLinear if isinstance(
                layer, nn.Linear) else AdaptedMultiheadAttention
            setattr(owner, attribute, cls(layer, ratio))
            adapters.append(getattr(owner, attribute).adapter)
    if others:
        print_log(f'can\'t be adapted, no kind covers it: {", ".join(others)}',
                  'current')
    return adapters


def find_attention(
        model: nn.Module) -> Tuple[Dict[str, List[Place]], List[str]]:
    """Find what can be adapted in a segmentor, or in a part of one.

    Returns:
        tuple[dict[str, list[Place]], list[str]]: The layers by kind, and the
        attention that no kind covers, such as "HRFormer's
        LocalWindowSelfAttention".
    """
    parts = [model]
    if isinstance(model, BaseSegmentor):
        names = ('backbone', 'neck', 'decode_head', 'auxiliary_head')
        parts = [part for name in names
                 if (part := getattr(model, name, None)) is not None]
    layers: Dict[str, List[Place]] = {}
    others: Dict[str, None] = {}
    for part in parts:
        known = set()
        for module, kind, place in _matches(part):
            layers.setdefault(kind, []).append(place)
            known.update(module.modules())
        # what holds known attention, or stands in it, is known
        holders = {
            module
            for module in part.modules()
            if not known.isdisjoint(module.modules())
        }
        others.update(
            (f"{type(part).__name__}'s {type(module).__name__}", None)
            for module in _outermost_attention(part, holders))
    return layers, list(others)


def _matches(root: nn.Module) -> Iterator[Tuple[nn.Module, str, Place]]:
    """The modules of the tables, the kinds and the places in them."""
    table = dict(LAYERS)
    for (path, name), rules in FOREIGN_LAYERS.items():
        cls = getattr(sys.modules.get(path), name, None)
        if cls is not None:
            table[cls] = rules
    # Segmenter's decoder is made of ViT's layers
    queries = {
        module
        for head in root.modules()
        if isinstance(head, SegmenterMaskTransformerHead)
        for module in head.modules()
    }
    for module in root.modules():
        rules = next((rules for cls, rules in table.items()
                      if isinstance(module, cls)), ())
        for kind, paths in rules:
            if kind == 'global' and module in queries:
                kind = 'self'
            for path in paths.split('|'):
                *owners, attribute = path.split('.')
                owner = module
                for name in owners:
                    owner = getattr(owner, name, None)
                # a subclass may have another attention: BEiT's layer is
                # ViT's, Mask2Former's encoder layer is DETR's
                if isinstance(
                        getattr(owner, attribute, None),
                    (nn.Linear, nn.MultiheadAttention)):
                    yield module, kind, (owner, attribute)
                    break


def _outermost_attention(module: nn.Module,
                         holders: set) -> Iterator[nn.Module]:
    """The outermost attention modules that neither hold nor are known ones."""
    # PMQS and SeDAM are made for this and train in any case
    if type(module).__module__.startswith('mmteso.models.prompting.'):
        return
    if module not in holders and _ATTENTION.search(type(module).__name__):
        yield module
        return
    for child in module.children():
        yield from _outermost_attention(child, holders)
