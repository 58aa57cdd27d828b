# Copyright (c) mmteso contributors. All rights reserved.
"""Heads that take a prompt, beside mmseg's, which know nothing of one."""
import inspect
from typing import Any, Optional

from mmseg.utils import SampleList, add_prefix
from torch import nn

from ..prompting import AudioTextPrompt


def takes_prompt(head: nn.Module) -> bool:
    """Whether a head can be told what sounds."""
    return 'prompt' in inspect.signature(head.loss).parameters


def prompt_kwargs(head: nn.Module, prompt: Optional[AudioTextPrompt]) -> dict:
    """What a head's methods get beside mmseg's arguments."""
    return dict(prompt=prompt) if takes_prompt(head) else {}


def auxiliary_losses(heads: nn.Module, x: Any, data_samples: SampleList,
                     train_cfg: Optional[dict],
                     prompt: Optional[AudioTextPrompt]) -> dict:
    """Losses of auxiliary heads, named as mmseg names them.

    Args:
        heads (nn.Module): A head, or an ``nn.ModuleList`` of them.
        x (tuple[Tensor]): Features.
        data_samples (list[SegDataSample]): With ``gt_sem_seg``.
        train_cfg (dict, optional): The segmentor's.
        prompt (AudioTextPrompt, optional): For heads that take one.

    Returns:
        dict[str, Tensor]: 'aux.*', or of several heads 'aux_0.*', ...
    """
    several = isinstance(heads, nn.ModuleList)
    losses = dict()
    for i, head in enumerate(heads if several else [heads]):
        loss = head.loss(x, data_samples, train_cfg,
                         **prompt_kwargs(head, prompt))
        losses.update(add_prefix(loss, f'aux_{i}' if several else 'aux'))
    return losses
