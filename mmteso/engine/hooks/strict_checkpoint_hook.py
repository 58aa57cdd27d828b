# Copyright (c) mmteso contributors. All rights reserved.
"""A test whose checkpoint has to fit."""
from typing import Sequence

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ..config_comparison import warn_of_other_config
from ..strict_loading import strict_loading


@HOOKS.register_module()
class StrictCheckpointHook(Hook):
    """Loads the checkpoint of a test strictly.

    mmengine's runner leaves what a checkpoint lacks at its initial values,
    with a line on the console. With this hook missing and unexpected keys are
    an error, and what the config changes in the computation since the
    training is logged as a warning.

    For tests, in which ``tools/test.py`` registers it. A training starts from
    a stock Mask2Former, which has to lack what is new.

    Args:
        allow_keys (Sequence[str]): Patterns, as in a shell, of keys that the
            checkpoint may lack or have beyond the model. Defaults to none.
    """

    # after the hooks that make something of the model, as EMAHook does
    priority = 'LOWEST'

    def __init__(self, allow_keys: Sequence[str] = ()) -> None:
        self.allow_keys = tuple(allow_keys)

    def before_run(self, runner: Runner) -> None:
        """Load it, before the runner would.

        Args:
            runner (Runner): The runner. Without ``load_from`` nothing is
                loaded.

        Raises:
            RuntimeError: If keys are missing, unexpected or of another shape.
        """
        path = runner.cfg.get('load_from')
        if path:
            with strict_loading(runner.model, path, self.allow_keys):
                runner.load_checkpoint(path, strict=True)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare the configs.

        Args:
            runner (Runner): The runner.
            checkpoint (dict): With ``meta``.
        """
        warn_of_other_config(checkpoint, runner.cfg)
