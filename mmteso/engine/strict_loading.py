# Copyright (c) mmteso contributors. All rights reserved.
"""Checkpoints that have to bring all of a model, and nothing else."""
import logging
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Iterator, List, Sequence

from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.model import BaseTTAModel, is_model_wrapper
from torch import nn

_LINES = 20  # of an error


def require_whole_checkpoint(cfg: Config,
                             allow_keys: Sequence[str] = ()) -> None:
    """Let a test load its checkpoint strictly, see StrictCheckpointHook.

    Args:
        cfg (Config): Of a test; its ``default_hooks`` get the hook.
        allow_keys (Sequence[str]): See :func:`strict_loading`. Defaults to
            those of the config's own hook, or none.
    """
    hook = dict(type='StrictCheckpointHook')
    if allow_keys:
        hook['allow_keys'] = list(allow_keys)
    cfg.merge_from_dict({'default_hooks.strict_checkpoint': hook})


@contextmanager
def strict_loading(model: nn.Module,
                   checkpoint: str,
                   allow_keys: Sequence[str] = ()) -> Iterator[None]:
    """A context in which a model is loaded by mmengine with ``strict=True``.

    Args:
        model (nn.Module): The model, wrapped or not.
        checkpoint (str): Its name, for the error.
        allow_keys (Sequence[str]): Patterns, as in a shell, of keys that the
            checkpoint may lack or have beyond the model. Those that it does
            are logged. Defaults to none.

    Raises:
        RuntimeError: If keys are missing, unexpected or of another shape.
    """
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.module
    found = {}

    def drop_allowed(module: nn.Module, incompatible) -> None:
        for kind in ('missing', 'unexpected'):
            keys: List[str] = getattr(incompatible, f'{kind}_keys')
            allowed = [
                key for key in keys
                if any(fnmatchcase(key, pattern) for pattern in allow_keys)
            ]
            if allowed:
                print_log(
                    f'{kind} in {checkpoint}, as allowed: {_list(allowed)}',
                    logger='current',
                    level=logging.WARNING)
            # in place: they are mmengine's own lists
            keys[:] = [key for key in keys if key not in allowed]
            # batch counters, which mmengine does not ask for either
            found[kind] = [k for k in keys if 'num_batches_tracked' not in k]

    handle = model.register_load_state_dict_post_hook(drop_allowed)
    try:
        yield
    except RuntimeError as error:
        if not found:  # not about keys
            raise
        lines = [
            f'{kind} ({len(keys)}): {_list(keys)}'
            for kind, keys in found.items() if keys
        ]
        shapes = [
            line.strip() for line in str(error).splitlines()
            if 'size mismatch' in line
        ]
        lines += shapes[:_LINES]
        if len(shapes) > _LINES:
            lines.append(f'and {len(shapes) - _LINES} more of other sizes')
        lines.insert(0, f'{checkpoint} does not fit the model of the config:')
        raise RuntimeError(
            '\n  '.join(lines) + '\nTest it with the config that it was '
            'trained with. Keys that may be missing or unexpected are named '
            'by tools/test.py --allow-keys PATTERN ...') from None
    finally:
        handle.remove()


def _list(keys: Sequence[str]) -> str:
    """Keys by their first two parts: 'decode_head.pmqs.* (24)'."""
    groups = {}
    for key in keys:
        groups.setdefault('.'.join(key.split('.')[:2]), []).append(key)
    names = [
        group[0] if len(group) == 1 else f'{name}.* ({len(group)})'
        for name, group in groups.items()
    ]
    if len(names) > _LINES:
        names[_LINES:] = [f'and more, {len(names)} groups in all']
    return ', '.join(names)
