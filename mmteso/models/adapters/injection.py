# Copyright (c) mmteso contributors. All rights reserved.
"""Put adapters into the attention layers of a built network (paper 3.5).

Three kinds of attention get them in Mask2Former, two in SAM, each on its
output projection:

- ``'window'``: Swin's W-MSA (mmseg's ``WindowMSA``) in the visual encoder;
- ``'deformable'``: the pixel decoder's ``MultiScaleDeformableAttention``;
- ``'cross'``: the Masked Attention of the transformer decoder, that is its
  cross-attention; ``'self'`` adapts its self-attention too (off in the paper);
- ``'sam'``: the attention, windowed and global, of SAM's image encoder;
- ``'sam_cross'``: the cross-attention of SAM's mask decoder, from tokens to
  image, back, and the final one.

Adapted layers keep the parameter names of the layers they replace: a stock
checkpoint loads as it is, with only ``*.adapter.*`` missing.
"""
import sys
from typing import Dict, List, Sequence, Tuple

from mmcv.ops import MultiScaleDeformableAttention
from mmdet.models.layers import DetrTransformerDecoderLayer
from mmseg.models.backbones.swin import WindowMSA
from torch import Tensor, nn

from .bottleneck import BottleneckAdapter

KINDS = ('window', 'deformable', 'cross', 'self', 'sam', 'sam_cross')


class AdaptedLinear(nn.Linear):
    """A linear layer followed by a :class:`BottleneckAdapter`.

    A subclass rather than a wrapper, so that ``weight`` and ``bias`` keep
    their names in the state dict.

    Args:
        linear (nn.Linear): The layer to take the place of; its parameters are
            shared, not copied.
        ratio (int): See :class:`BottleneckAdapter`.
    """

    def __init__(self, linear: nn.Linear, ratio: int) -> None:
        super().__init__(linear.in_features, linear.out_features,
                         linear.bias is not None)
        self.weight, self.bias = linear.weight, linear.bias
        self.adapter = BottleneckAdapter(linear.out_features,
                                         ratio).to(linear.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.adapter(super().forward(x))


class AdaptedMultiheadAttention(nn.MultiheadAttention):
    """Multi-head attention whose output goes through an adapter.

    :class:`torch.nn.MultiheadAttention` never calls ``out_proj.forward`` (it
    hands the weights to a fused function), so an adapter on ``out_proj`` would
    be ignored silently. The output is adapted instead.

    Args:
        attention (nn.MultiheadAttention): The layer to take the place of; its
            parameters are shared, not copied.
        ratio (int): See :class:`BottleneckAdapter`.
    """

    def __init__(self, attention: nn.MultiheadAttention, ratio: int) -> None:
        super().__init__(
            attention.embed_dim,
            attention.num_heads,
            dropout=attention.dropout,
            bias=attention.in_proj_bias is not None,
            add_bias_kv=attention.bias_k is not None,
            add_zero_attn=attention.add_zero_attn,
            kdim=attention.kdim,
            vdim=attention.vdim,
            batch_first=attention.batch_first)
        for name, parameter in list(attention.named_parameters(recurse=False)):
            setattr(self, name, parameter)
        self.out_proj = attention.out_proj
        self.adapter = BottleneckAdapter(attention.embed_dim,
                                         ratio).to(self.out_proj.weight)
        # dropout, and whether the fused path is taken, hang on the mode
        self.train(attention.training)

    def forward(self, *args, **kwargs) -> Tuple[Tensor, Tensor]:
        output, weights = super().forward(*args, **kwargs)
        return self.adapter(output), weights


def _adaptable_layers(
        model: nn.Module) -> Dict[str, List[Tuple[nn.Module, str]]]:
    """Find (owner, attribute) of every layer that could be adapted."""
    found = {kind: [] for kind in KINDS}
    # A model with parts of SAM has imported it; others don't wait for that.
    sam = sys.modules.get('transformers.models.sam.modeling_sam')
    for module in model.modules():
        if sam is not None:
            _find_sam_layers(module, sam, found)
        if isinstance(module, WindowMSA):
            found['window'].append((module, 'proj'))
        elif isinstance(module, MultiScaleDeformableAttention):
            found['deformable'].append((module, 'output_proj'))
        elif isinstance(module, DetrTransformerDecoderLayer):
            found['cross'].append((module.cross_attn, 'attn'))
            found['self'].append((module.self_attn, 'attn'))
    return found


def _find_sam_layers(module: nn.Module, sam,
                     found: Dict[str, List[Tuple[nn.Module, str]]]) -> None:
    if isinstance(module, sam.SamVisionAttention):
        found['sam'].append((module, 'proj'))
    elif isinstance(module, sam.SamTwoWayAttentionBlock):
        found['sam_cross'] += [
            (module.cross_attn_token_to_image, 'out_proj'),
            (module.cross_attn_image_to_token, 'out_proj'),
        ]
    elif isinstance(module, sam.SamTwoWayTransformer):
        found['sam_cross'].append(
            (module.final_attn_token_to_image, 'out_proj'))


def inject_adapters(
        model: nn.Module,
        kinds: Sequence[str] = ('window', 'deformable', 'cross'),
        ratio: int = 4) -> List[BottleneckAdapter]:
    """Adapt every attention layer of the given kinds, in place.

    Args:
        model (nn.Module): A segmentor or a part of one.
        kinds (Sequence[str]): Some of ``'window'``, ``'deformable'``,
            ``'cross'``, ``'self'``, ``'sam'`` and ``'sam_cross'``; see the
            module's docstring. Defaults to the paper's three.
        ratio (int): Bottleneck ratio. Defaults to 4 (release).

    Returns:
        list[BottleneckAdapter]: The new adapters.

    Raises:
        ValueError: If a kind is unknown, the model has no such layer (a
            ResNet has no window attention), or it is adapted already.
    """
    kinds = tuple(dict.fromkeys(kinds))
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise ValueError(f'adapter kinds must be among {KINDS}, but got '
                         f'{unknown}')
    layers = _adaptable_layers(model)
    absent = [kind for kind in kinds if not layers[kind]]
    if absent:
        present = [kind for kind in KINDS if layers[kind]]
        raise ValueError(
            f'no attention layer of kind {absent} to adapt in '
            f'{type(model).__name__}; it has {present}. Set '
            f"adapters=dict(kinds={present}) in the model's config.")
    adapted = [
        kind for kind in kinds
        if any(hasattr(getattr(*place), 'adapter') for place in layers[kind])
    ]
    if adapted:
        # a second adapter would take the first one's place and name
        raise ValueError(f'the layers of kind {adapted} of '
                         f'{type(model).__name__} have adapters already')
    adapters = []
    for kind in kinds:
        for owner, attribute in layers[kind]:
            layer = getattr(owner, attribute)
            adapted = AdaptedLinear if isinstance(
                layer, nn.Linear) else AdaptedMultiheadAttention
            adapted = adapted(layer, ratio)
            setattr(owner, attribute, adapted)
            adapters.append(adapted.adapter)
    return adapters
