# Copyright (c) mmteso contributors. All rights reserved.
"""Freeze parts of a model so that they stay frozen."""
from typing import Iterator, List, Sequence, Tuple

from torch import Tensor, nn

from .bottleneck import BottleneckAdapter


def resolve_modules(model: nn.Module, names: Sequence[str]) -> List[nn.Module]:
    """Look up modules by their path, such as ``'decode_head.pixel_decoder'``.

    Raises:
        ValueError: If there is no such module, or it is an adapter, which is
            never frozen.
    """
    modules = dict(model.named_modules())
    for name in names:
        if name not in modules:
            raise ValueError(
                f'frozen: {type(model).__name__} has no module {name!r}; it '
                f'has {[key for key, _ in model.named_children()]}')
        if isinstance(modules[name], BottleneckAdapter):
            raise ValueError(
                f'frozen: {name!r} is an adapter, and adapters always train')
    return [modules[name] for name in names]


def _frozen_modules(roots: Sequence[nn.Module]) -> Iterator[nn.Module]:
    """The modules and their descendants, adapters left out."""
    for module in roots:
        if not isinstance(module, BottleneckAdapter):
            yield module
            yield from _frozen_modules(tuple(module.children()))


def freeze(modules: Sequence[nn.Module]) -> None:
    """Stop the gradients of modules, but not of adapters inside them."""
    for module in _frozen_modules(modules):
        for parameter in module.parameters(recurse=False):
            parameter.requires_grad_(False)
        if (isinstance(module, nn.MultiheadAttention) and _contiguous
                not in module._forward_pre_hooks.values()):
            module.register_forward_pre_hook(_contiguous, with_kwargs=True)


def _contiguous(module: nn.Module, args: tuple,
                kwargs: dict) -> Tuple[tuple, dict]:
    """Lay out what goes into attention as its projections read it.

    mmcv hands transposed tensors to it. A linear layer takes these as one
    matrix only if its weight trains; with a frozen one torch makes a small
    product for each item (findings/torch_frozen_linear_of_transposed.sh).
    """
    # what is the same tensor stays so: attention asks for it
    laid = {id(value): value.contiguous()
            for value in (*args, *kwargs.values())
            if isinstance(value, Tensor)}
    return (tuple(laid.get(id(value), value) for value in args),
            {key: laid.get(id(value), value) for key, value in kwargs.items()})


def set_eval(modules: Sequence[nn.Module]) -> None:
    """Put modules into eval mode, adapters left as they are.

    Eval mode is what stops dropout, drop path and batch statistics. It
    belongs into an overridden ``train()``, which the runner calls often.
    """
    for module in _frozen_modules(modules):
        module.training = False
