# Copyright (c) mmteso contributors. All rights reserved.
"""Which levels of the features decode heads read."""
import logging
from typing import Optional, Set

from mmengine.logging import print_log
from torch import nn

from .audio_text_fusion import AudioTextFusion


def levels_read(head: nn.Module, number: int) -> Optional[Set[int]]:
    """Levels that a decode head of mmseg reads.

    Args:
        head (nn.Module): The head.
        number (int): Levels that there are.

    Returns:
        set[int] | None: Their places, as ``in_index`` tells; None for heads
        without it, such as the MaskFormers, which read all.
    """
    # K-Net's reads what the head that makes its first kernels reads
    head = getattr(head, 'kernel_generate_head', head)
    index = getattr(head, 'in_index', None)
    if index is None:
        return None
    places = [index] if isinstance(index, int) else index
    return {place % number for place in places}


def check_fusion_levels(fusion: Optional[nn.Module], decode_head: nn.Module,
                        auxiliary_head: Optional[nn.Module]) -> None:
    """Warn of an AudioTextFusion that tells levels which no head reads.

    Its layers would get no gradient, which distributed training stops with an
    error, and weight decay would shrink them. Only a warning: some heads read
    more than their ``in_index`` says (DeepLabV3+'s reads level 0 as well).

    Args:
        fusion (nn.Module, optional): Only an :class:`AudioTextFusion` is
            checked.
        decode_head (nn.Module): The decode head.
        auxiliary_head (nn.Module, optional): An auxiliary head, or an
            ``nn.ModuleList`` of them.
    """
    if not isinstance(fusion, AudioTextFusion):
        return
    heads = [decode_head]
    if isinstance(auxiliary_head, nn.ModuleList):
        heads += auxiliary_head
    elif auxiliary_head is not None:
        heads.append(auxiliary_head)
    number = len(fusion.in_channels)
    read: Set[int] = set()
    for head in heads:
        levels = levels_read(head, number)
        if levels is None:
            return
        read |= levels
    unread = sorted(set(fusion.levels) - read)
    if unread:
        print_log(
            f'AudioTextFusion tells levels {unread}, which no decode head '
            'reads, as far as their in_index says. Their layers may never '
            'get a gradient, and distributed training stops at that: unless a '
            f'head reads them all the same, set fusion.levels={sorted(read)}',
            logger='current',
            level=logging.WARNING)
