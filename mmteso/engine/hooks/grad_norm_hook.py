# Copyright (c) mmteso contributors. All rights reserved.
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ..model_parts import grad_norm, parts_of, unwrap
from ..training_end import when_training_ends


@HOOKS.register_module()
class GradNormHook(Hook):
    """Logs the norm of each part's gradient.

    The scalars are ``gradient/{part}``, the parts those of
    :func:`mmteso.engine.model_parts.part_of` with the attention's projections
    told apart. The norms are before the clip: their squares add up to that of
    mmengine's ``grad_norm``, which is logged with a clip of the norm. (With
    ``clip_grad=dict(type='value')`` they are after it.) It costs a pass over
    the gradients; for any config:

        --cfg-options default_hooks.grad_norm.type=GradNormHook

    Args:
        interval (int): Iterations between two measurements. The logger's
            interval shows each once; with ``accumulative_counts`` take a
            multiple of it, since gradients are complete in these iterations
            alone. Defaults to 50.
    """

    def __init__(self, interval: int = 50) -> None:
        self.interval = interval
        self._handle: Any = None

    def before_run(self, runner: Runner) -> None:
        """Stop looking, at the end of the training."""
        when_training_ends(runner, self._leave)

    def before_train(self, runner: Runner) -> None:
        """Look at the gradients whenever the optimiser is about to step."""
        wrapper = runner.optim_wrapper
        parts = parts_of(unwrap(runner.model), split_attention=True)
        clipped = 'max_norm' in (wrapper.clip_grad_kwargs or {})

        def measure(*_) -> None:
            if not self.every_n_train_iters(runner, self.interval):
                return
            norms = {name: grad_norm(part) for name, part in parts.items()}
            total = sum(norm**2 for norm in norms.values())**0.5
            scale = 1.
            if clipped and total:
                # the clip has just divided all of them by one number
                scale = runner.message_hub.get_scalar(
                    'train/grad_norm').current() / total
            for name, norm in norms.items():
                runner.message_hub.update_scalar(f'train/gradient/{name}',
                                                 norm * scale)

        self._handle = wrapper.optimizer.register_step_pre_hook(measure)

    def _leave(self, loop: Any) -> None:
        if self._handle is not None:
            self._handle.remove()
            self._handle = None
