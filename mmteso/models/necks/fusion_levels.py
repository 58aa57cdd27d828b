# Copyright (c) mmteso contributors. All rights reserved.
"""Whether a fusion stands where it is heard."""
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
    places = [index] if isinstance(index, int) else list(index)
    if getattr(head, 'c1_bottleneck', None) is not None:
        places.append(0)  # the low-level branch of DeepLabV3+
    return {place % number for place in places}


def check_fusion(model: nn.Module) -> None:
    """Check that a segmentor's AudioTextFusion is heard.

    A fusion that tells levels which no head reads is warned of: its layers
    would get no gradient, which distributed training stops with an error, and
    weight decay would shrink them. Only a warning, as a head may read more
    than its ``in_index`` says.

    Args:
        model (AudioTextSegmentor): Its ``fusion``, if it is an
            :class:`AudioTextFusion`, is checked.

    Raises:
        TypeError: If an :class:`AudioTextFusion` is the segmentor's ``neck``.
    """
    if isinstance(getattr(model, 'neck', None), AudioTextFusion):
        raise TypeError(
            'an AudioTextFusion needs what is heard, which a neck does not '
            'get: set it as `fusion` of AudioTextSegmentor, not as `neck`')
    if not isinstance(model.fusion, AudioTextFusion):
        return
    heads, auxiliary = [model.decode_head], getattr(model, 'auxiliary_head',
                                                    None)
    if isinstance(auxiliary, nn.ModuleList):
        heads += auxiliary
    elif auxiliary is not None:
        heads.append(auxiliary)
    number = len(model.fusion.in_channels)
    read: Set[int] = set()
    for head in heads:
        levels = levels_read(head, number)
        if levels is None:
            return
        read |= levels
    unread = sorted(set(model.fusion.levels) - read)
    if unread:
        print_log(
            f'AudioTextFusion tells levels {unread}, which no decode head '
            'reads, as far as their in_index says. Their layers may never '
            'get a gradient, and distributed training stops at that: unless a '
            f'head reads them all the same, set fusion.levels={sorted(read)}',
            logger='current',
            level=logging.WARNING)
