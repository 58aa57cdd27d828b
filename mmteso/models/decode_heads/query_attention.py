# Copyright (c) mmteso contributors. All rights reserved.
"""Where the mask queries of a Mask2Former look."""
from contextlib import contextmanager
from typing import Iterator, List

from torch import Tensor, nn


def _ask_for_weights(module: nn.Module, args: tuple, kwargs: dict):
    """Forward pre-hook: weights are wanted, as a mean over the heads."""
    # Whatever the caller asked for: mmcv's wrapper throws the weights away,
    # and a caller that knows this may not ask for them.
    return args, dict(kwargs, need_weights=True, average_attn_weights=True)


@contextmanager
def record_query_attention(head: nn.Module) -> Iterator[List[List[Tensor]]]:
    """Record the cross-attention of the mask queries to the image.

    As long as the context lasts, every forward pass through a layer of the
    transformer decoder leaves its attention weights in the list of this
    layer. Nothing else changes: the output is that of a pass without it, up
    to rounding where torch would have taken a fused kernel. Layers with
    adapters are recorded as others are: an adapter changes the output, not
    the weights.

    Mask2Former masks this attention: a query sees only the pixels that its
    mask of the layer before covers (all of them if it covers none).

    Args:
        head (nn.Module): A decode head with mmdet's Mask2Former decoder:
            :class:`TeSOHead` or mmseg's ``Mask2FormerHead``.

    Yields:
        list[list[Tensor]]: By layer, then by forward pass, the weights as a
        mean over the heads, (B, N_q, h * w) of the level that the layer
        reads; each row sums to 1 (in eval mode; dropout breaks that).

    Raises:
        TypeError: If the head has no such decoder.
    """
    decoder = getattr(head, 'transformer_decoder', None)
    attentions = [
        getattr(getattr(layer, 'cross_attn', None), 'attn', None)
        for layer in getattr(decoder, 'layers', ())
    ]
    if not attentions or not all(
            isinstance(module, nn.MultiheadAttention)
            for module in attentions):
        raise TypeError(
            'expected a decode head with the transformer decoder of '
            'Mask2Former, such as TeSOHead, whose layers have a cross_attn '
            f'over torch\'s MultiheadAttention, but got {type(head).__name__}')
    records: List[List[Tensor]] = [[] for _ in attentions]
    handles = []
    for module, record in zip(attentions, records):
        handles.append(
            module.register_forward_pre_hook(
                _ask_for_weights, with_kwargs=True))
        handles.append(module.register_forward_hook(_keep_in(record)))
    try:
        yield records
    finally:
        for handle in handles:
            handle.remove()


def _keep_in(record: List[Tensor]):
    def keep(module, args, output) -> None:
        record.append(output[1].detach())

    return keep
