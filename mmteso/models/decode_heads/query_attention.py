# Copyright (c) mmteso contributors. All rights reserved.
from contextlib import contextmanager
from typing import Iterator, List

from mmseg.models.decode_heads import Mask2FormerHead
from torch import Tensor, nn


@contextmanager
def record_query_attention(head: nn.Module) -> Iterator[List[List[Tensor]]]:
    """Record the cross-attention of the mask queries to the image.

    Mask2Former masks this attention: a query sees only the pixels that its
    mask of the layer before covers (all of them if it covers none). The
    output stays as it is, up to rounding.

    Args:
        head (nn.Module): :class:`TeSOHead` or mmseg's ``Mask2FormerHead``.

    Yields:
        list[list[Tensor]]: By layer, then by forward pass, the weights as a
        mean over the attention heads, (B, N_q, h * w) of the level that the
        layer reads; each row sums to 1 in eval mode.

    Raises:
        TypeError: If it is another head.
    """
    if not isinstance(head, Mask2FormerHead):
        raise TypeError('head must be a Mask2FormerHead, such as TeSOHead, '
                        f'but got {type(head).__name__}')

    def ask_for_weights(module: nn.Module, args: tuple, kwargs: dict):
        # whatever the caller asked for: mmcv's wrapper drops the weights
        return args, dict(
            kwargs, need_weights=True, average_attn_weights=True)

    layers = head.transformer_decoder.layers
    records: List[List[Tensor]] = [[] for _ in layers]
    handles = []
    for layer, record in zip(layers, records):
        attention = layer.cross_attn.attn
        handles += [
            attention.register_forward_pre_hook(
                ask_for_weights, with_kwargs=True),
            attention.register_forward_hook(
                lambda module, args, output, record=record: record.append(
                    output[1].detach()))
        ]
    try:
        yield records
    finally:
        for handle in handles:
            handle.remove()
