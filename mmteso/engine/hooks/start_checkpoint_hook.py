# Copyright (c) mmteso contributors. All rights reserved.
"""A training that goes on from another one's checkpoint."""
import os.path as osp

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS


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
        """Look for the file.

        Args:
            runner (Runner): The runner.

        Raises:
            FileNotFoundError: ``load_from`` is a path, and no file.
        """
        path = runner.cfg.get('load_from')
        if path is None or '://' in path or osp.isfile(path):
            return
        raise FileNotFoundError(f'no checkpoint load_from={path!r}. '
                                f'{self.hint}')
