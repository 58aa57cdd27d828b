# Copyright (c) mmteso contributors. All rights reserved.
"""A model's parameters by the part that they belong to."""
from collections import defaultdict
from typing import Dict, List, Sequence

from mmengine.model import BaseTTAModel, is_model_wrapper
from torch import nn

# parts that are not divided further
_WHOLE = ('audio_encoder', 'backbone', 'neck')
_PROJECTIONS = dict(
    q_proj='q, k', k_proj='q, k', v_proj='v, out', out_proj='v, out')


def unwrap(model: nn.Module) -> nn.Module:
    """The model in wrappers, for several processes or test-time augmentation.
    """
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.module
    return model


def part_of(name: str, split_attention: bool = False) -> str:
    """Name the part of a model that a parameter belongs to.

    ``'backbone'``, ``'decode_head.pmqs'``, ...; adapters are parts of their
    own, ``'decode_head.pixel_decoder adapters'``. ``split_attention`` tells
    the projections of SeDAM's and PMQS's attention apart: ``'q, k'``,
    ``'v, out'``, and the bias of the keys, which moves no softmax, so that its
    gradient is rounding.
    """
    path = name.split('.')
    depth = 1 if path[0] in _WHOLE else 2
    part = '.'.join(path[:depth][:max(len(path) - 1, 1)])
    if 'adapter' in path:
        return f'{part} adapters'
    # ours are layers.N.attn; torch's attention has an out_proj as well
    ours = depth == 2 and len(path) > 4 and path[-3] == 'attn' \
        and path[-4].isdigit()
    if not (split_attention and ours):
        return part
    if path[-2:] == ['k_proj', 'bias']:
        return f'{part} k bias'
    return f'{part} {_PROJECTIONS.get(path[-2], "")}'.rstrip()


def parts_of(model: nn.Module,
             trainable: bool = True,
             split_attention: bool = False) -> Dict[str, List[nn.Parameter]]:
    """Parameters that train, or that are frozen, by :func:`part_of`.

    A shared parameter is listed once.
    """
    parts = defaultdict(list)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad == trainable:
            parts[part_of(name, split_attention)].append(parameter)
    return dict(parts)


def grad_norm(parameters: Sequence[nn.Parameter]) -> float:
    """Norm of the parameters' gradient, in float64; none counts as zero."""
    return float(
        sum(p.grad.detach().double().square().sum() for p in parameters
            if p.grad is not None))**0.5
