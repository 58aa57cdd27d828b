# Copyright (c) mmteso contributors. All rights reserved.
"""Put adapters into the attention layers of a built network (paper 3.5).

The paper adapts three kinds of attention, Mask2Former's (``'window'``,
``'deformable'``, ``'cross'``); the others are for other backbones and heads.
Each adapter follows the output projection.

======================= =======================================================
kind                    attention
======================= =======================================================
``'window'``            Swin's W-MSA (``WindowMSA`` of mmseg and mmdet), and
                        that of Twins-SVT (``LocallyGroupedSelfAttention``)
``'spatial_reduction'`` attention to a smaller map: PVT's and PVTv2's (mmdet's
                        ``SpatialReductionAttention``), MiT's
                        (``EfficientMultiheadAttention``), Twins'
                        (``GlobalSubsampledAttention``, its subclass)
``'global'``            self-attention of a plain ViT (mmseg's
                        ``TransformerEncoderLayer``), of BEiT and MAE
                        (``BEiTAttention``)
``'deformable'``        Mask2Former's pixel decoder
                        (``MultiScaleDeformableAttention``)
``'pixel_self'``        self-attention of MaskFormer's pixel decoder (mmdet's
                        ``DetrTransformerEncoderLayer``)
``'cross'``             Masked Attention of Mask2Former's transformer decoder,
                        cross-attention of MaskFormer's
                        (``DetrTransformerDecoderLayer``)
``'self'``              self-attention of a head's queries: Mask2Former's (off
                        in the paper) and MaskFormer's
                        (``DetrTransformerDecoderLayer``), K-Net's among
                        kernels (``KernelUpdateHead``), Segmenter's, whose ViT
                        layers are of this kind and not ``'global'``
``'sam'``               SAM's image encoder, windowed and global
``'sam_cross'``         cross-attention of SAM's mask decoder, from tokens to
                        image, back, and the final one
======================= =======================================================

The backbones of transformers (Swin, Swin V2: ``'window'``; PVTv2:
``'spatial_reduction'``; ViT, BEiT, DINOv2, DINOv3, ViTDet: ``'global'``) and
of timm (Swin, Swin V2 and Twins; PVTv2 and Twins; ViT, DeiT, BEiT, EVA) are
known too, see ``attention_layers.py``. What is not in the tables can't be
adapted and is named: in an error where a wanted kind is missing, and
otherwise in the log. Convolutional attention (MSCAN's, ResNeSt's) is among
that. Of a segmentor only backbone, neck and heads are searched: the audio
encoder is frozen or trained, not adapted.

Adapted layers keep the parameter names of the layers they replace: a stock
checkpoint loads as it is, with only ``*.adapter.*`` missing.
"""
from typing import Dict, List, Sequence, Tuple

from mmengine.logging import print_log
from torch import Tensor, nn

from .attention_layers import (KINDS, Place, adaptable_layers, has_attention,
                               unadaptable_layers)
from .bottleneck import BottleneckAdapter


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
    kinds = tuple(dict.fromkeys(kinds))
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise ValueError(f'adapter kinds must be among {KINDS}, but got '
                         f'{unknown}')
    layers = adaptable_layers(model)
    absent = [kind for kind in kinds if not layers[kind]]
    if absent:
        raise ValueError(_absence(model, absent, layers))
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
    others = unadaptable_layers(model)
    if others:
        print_log(f'can\'t be adapted, no kind covers it: {", ".join(others)}',
                  'current')
    return adapters


def _absence(model: nn.Module, absent: List[str],
             layers: Dict[str, List[Place]]) -> str:
    """What there is instead of the kinds that a model lacks."""
    present = [kind for kind in KINDS if layers[kind]]
    advice = f'Set adapters=dict(kinds={present})' if present \
        else 'Leave out adapters'
    message = (f'no attention layer of kind {absent} to adapt in '
               f'{type(model).__name__}; it has {present}. {advice} in the '
               "model's config.")
    backbone = getattr(model, 'backbone', None)
    if backbone is not None and not has_attention(backbone):
        message += (f' Its backbone, {type(backbone).__name__}, has no '
                    'attention.')
    others = unadaptable_layers(model)
    if others:
        message += f' What can\'t be adapted: {", ".join(others)}.'
    return message
