# Copyright (c) mmteso contributors. All rights reserved.
"""Which attention layers can be adapted, and where their outputs come from."""
import re
import sys
from typing import Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

from mmcv.ops import MultiScaleDeformableAttention
from mmdet.models.backbones.pvt import SpatialReductionAttention
from mmdet.models.backbones.swin import WindowMSA as DetWindowMSA
from mmdet.models.layers import (DetrTransformerDecoderLayer,
                                 DetrTransformerEncoderLayer)
from mmseg.models.backbones.beit import BEiTAttention
from mmseg.models.backbones.mit import EfficientMultiheadAttention
from mmseg.models.backbones.swin import WindowMSA
from mmseg.models.backbones.twins import LocallyGroupedSelfAttention
from mmseg.models.backbones.vit import TransformerEncoderLayer
from mmseg.models.decode_heads import SegmenterMaskTransformerHead
from mmseg.models.decode_heads.knet_head import KernelUpdateHead
from mmseg.models.segmentors import BaseSegmentor
from torch import nn

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

# By their names: a base class that all of them share there is not.
_ATTENTION = re.compile('Attention|Attn|MSA|NonLocal')


class Place(NamedTuple):
    """A layer that can be adapted: ``getattr(owner, attribute)``."""
    owner: nn.Module
    attribute: str


def visual_parts(model: nn.Module) -> List[nn.Module]:
    """What of a model sees: all of it but a segmentor's ears and prompts.

    Args:
        model (nn.Module): A segmentor or a part of one.

    Returns:
        list[nn.Module]: Backbone, neck and heads, or the part itself.
    """
    if not isinstance(model, BaseSegmentor):
        return [model]
    names = ('backbone', 'neck', 'decode_head', 'auxiliary_head')
    parts = (getattr(model, name, None) for name in names)
    return [part for part in parts if part is not None]


def adaptable_layers(model: nn.Module) -> Dict[str, List[Place]]:
    """Find every layer that could be adapted.

    Args:
        model (nn.Module): A segmentor or a part of one.

    Returns:
        dict[str, list[Place]]: By kind, for all of ``KINDS``.
    """
    found = {kind: [] for kind in KINDS}
    for part in visual_parts(model):
        for _, kind, place in _matches(part):
            found[kind].append(place)
    return found


def unadaptable_layers(model: nn.Module) -> List[str]:
    """Name the attention that no kind covers.

    Args:
        model (nn.Module): A segmentor or a part of one.

    Returns:
        list[str]: Such as "HRFormer's LocalWindowSelfAttention", once each.
    """
    found = []
    for part in visual_parts(model):
        known = {id(module) for module, _, _ in _matches(part)}
        for module in _strangers(part, known):
            name = type(module).__name__
            if not any(isinstance(m, (nn.Linear, nn.MultiheadAttention))
                       for m in module.modules()):
                name += ' (convolutional)'
            found.append(f"{type(part).__name__}'s {name}")
    return list(dict.fromkeys(found))


def has_attention(module: nn.Module) -> bool:
    """Whether a network has attention of any kind."""
    return any(map(_looks_like_attention, module.modules()))


def _matches(root: nn.Module) -> Iterator[Tuple[nn.Module, str, Place]]:
    """The modules of the tables, the kinds and the places in them."""
    table = dict(LAYERS)
    for (path, name), rules in FOREIGN_LAYERS.items():
        cls = getattr(sys.modules.get(path), name, None)
        if cls is not None:
            table[cls] = rules
    queries = _modules_of(root, SegmenterMaskTransformerHead)
    for module in root.modules():
        for cls, rules in table.items():
            if not isinstance(module, cls):
                continue
            for kind, path in rules:
                place = _find(module, path)
                if place is None:
                    # a subclass with another attention: BEiT's layer is
                    # ViT's, Mask2Former's encoder layer is DETR's
                    continue
                if kind == 'global' and id(module) in queries:
                    # Segmenter's decoder is made of ViT's layers
                    kind = 'self'
                yield module, kind, place
            break


def _find(module: nn.Module, paths: str) -> Optional[Place]:
    """The first of several paths that leads to a layer, or None."""
    for path in paths.split('|'):
        *owners, attribute = path.split('.')
        owner = module
        for name in owners:
            owner = getattr(owner, name, None)
        layer = getattr(owner, attribute, None)
        if isinstance(layer, (nn.Linear, nn.MultiheadAttention)):
            return Place(owner, attribute)
    return None


def _modules_of(root: nn.Module, cls: type) -> Set[int]:
    return {
        id(module)
        for owner in root.modules() if isinstance(owner, cls)
        for module in owner.modules()
    }


def _looks_like_attention(module: nn.Module) -> bool:
    return _ATTENTION.search(type(module).__name__) is not None


def _strangers(module: nn.Module, known: Set[int]) -> Iterator[nn.Module]:
    """The outermost attention modules that have nothing known in them."""
    if id(module) in known or _is_ours(module):
        return
    if _looks_like_attention(module) \
            and not any(id(m) in known for m in module.modules()):
        yield module
        return
    for child in module.children():
        yield from _strangers(child, known)


def _is_ours(module: nn.Module) -> bool:
    """PMQS and SeDAM are made for this and train in any case."""
    return type(module).__module__.startswith('mmteso.models.prompting.')
