# Copyright (c) mmteso contributors. All rights reserved.
"""Checkpoints that have to bring all of a model, and nothing else."""
import os.path as osp
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Iterator, Sequence

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import nn

from mmteso.logs import warn
from .config_comparison import warn_of_other_config
from .model_parts import unwrap


def require_whole_checkpoint(cfg: Config,
                             allow_keys: Sequence[str] = ()) -> None:
    """Give a test's config the :class:`StrictCheckpointHook`.

    ``allow_keys`` are by default those of the config's own hook, or none.
    """
    hook = dict(type='StrictCheckpointHook')
    if allow_keys:
        hook['allow_keys'] = list(allow_keys)
    cfg.merge_from_dict({'default_hooks.strict_checkpoint': hook})


@contextmanager
def strict_loading(model: nn.Module,
                   checkpoint: str,
                   allow_keys: Sequence[str] = ()) -> Iterator[None]:
    """A context in which a model, wrapped or not, is loaded by mmengine with
    ``strict=True``.

    ``allow_keys`` are patterns, as in a shell, of keys that the checkpoint may
    lack or have beyond the model; those that it does are logged. A
    RuntimeError that names the checkpoint if keys are missing, unexpected or
    of another shape, or weights are not finite.
    """
    model = unwrap(model)

    def drop_allowed(module: nn.Module, incompatible: Sequence[list]) -> None:
        for keys in incompatible:  # missing ones, unexpected ones
            allowed = [
                key for key in keys
                if any(fnmatchcase(key, pattern) for pattern in allow_keys)
            ]
            if allowed:
                warn(f'{checkpoint} lacks these keys or has them beyond the '
                     f'model, as allowed: {", ".join(allowed)}')
            # in place: they are mmengine's own lists
            keys[:] = [key for key in keys if key not in allowed]

    handle = model.register_load_state_dict_post_hook(drop_allowed)
    try:
        yield
        wild = [
            name for name, value in model.state_dict().items()
            if not torch.isfinite(value).all()
        ]
        if wild:
            raise RuntimeError(
                f'{checkpoint} holds weights that are not finite '
                f'({", ".join(wild):.200}): its training had diverged. Take '
                'an earlier checkpoint')
    except RuntimeError as error:
        if 'do not match exactly' not in str(error):  # not about keys
            raise
        raise RuntimeError(
            f'{checkpoint} does not fit the model of the config: test it with '
            'the config that it was trained with, or say which keys may be '
            'missing or unexpected (tools/test.py --allow-keys PATTERN ...)\n'
            f'{error!s:.3000}') from None
    finally:
        handle.remove()


@HOOKS.register_module()
class StrictCheckpointHook(Hook):
    """Loads the checkpoint of a test strictly.

    mmengine's runner leaves what a checkpoint lacks at its initial values,
    with a line on the console. With this hook, which ``tools/test.py``
    registers, missing and unexpected keys are an error, and what the config
    changes in the computation since the training is logged as a warning.

    Args:
        allow_keys (Sequence[str]): See :func:`strict_loading`.
    """

    # after the hooks that make something of the model, as EMAHook does
    priority = 'LOWEST'

    def __init__(self, allow_keys: Sequence[str] = ()) -> None:
        self.allow_keys = tuple(allow_keys)

    def before_run(self, runner: Runner) -> None:
        """Load ``load_from``, before the runner would."""
        path = runner.cfg.get('load_from')
        if path:
            with strict_loading(runner.model, path, self.allow_keys):
                runner.load_checkpoint(path, strict=True)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare the configs."""
        warn_of_other_config(checkpoint, runner.cfg)


@HOOKS.register_module()
class StartCheckpointHook(Hook):
    """Says where a missing ``load_from`` comes from.

    For configs that start from what another config trained. Looks before the
    weights are initialised and anything is downloaded. An address
    (``https://...``) and ``load_from=None`` are left to the runner.

    Args:
        hint (str): What to do if the file isn't there.
    """

    def __init__(self, hint: str) -> None:
        self.hint = hint

    def before_run(self, runner: Runner) -> None:
        """Look for the file."""
        path = runner.cfg.get('load_from')
        if path and '://' not in path and not osp.isfile(path):
            raise FileNotFoundError(f'no checkpoint load_from={path!r}. '
                                    f'{self.hint}')
