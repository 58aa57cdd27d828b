# Copyright (c) mmteso contributors. All rights reserved.
from functools import partial, wraps
from typing import Any, Callable, Iterator, List, Optional, Sequence, Tuple

import torch
from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.optim import AmpOptimWrapper
from mmseg.registry import HOOKS
from torch import Tensor, nn

from mmteso.choices import check_choices
from mmteso.datasets import frame_name
from mmteso.logs import warn
from ..model_parts import unwrap
from ..training_end import when_training_ends
from .random_state_hook import RandomStateHook


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """Keeps NaN and infinity out of the weights, and says where they arose.

    Gradients are looked at before each step. If one isn't finite, the forward
    pass is repeated, and the losses, the first module whose output isn't
    finite, and the frames are named. The weights stay as they are. With
    ``AmpOptimWrapper`` the gradients of float16 overflow now and then, and
    PyTorch's scaler leaves the step out; there the loss alone is looked at.

    In the default hooks of our schedules;
    ``default_hooks.finite_loss.action=skip`` goes on without the step.

    Args:
        action (str): 'error' ends the training; 'skip' leaves the step out,
            takes back what the forward pass did to statistics (BatchNorm's),
            and counts. Defaults to 'error'.
        max_skips (int): As many steps in a row are skipped; one more is an
            error. Defaults to 10.

    Raises:
        ValueError: If ``action`` is another.
        FloatingPointError: If the loss or a gradient isn't finite.
    """

    def __init__(self, action: str = 'error', max_skips: int = 10) -> None:
        check_choices(action=(action, ('error', 'skip')))
        self.action = action
        self.max_skips = max_skips
        self.skipped = 0
        self._in_a_row = 0
        self._found = False
        self._data: Any = None  # on the device, padded
        self._buffers: List[Tuple[Tensor, Tensor]] = []
        self._handle: Any = None
        self._step: Any = None

    def before_run(self, runner) -> None:
        """Stop looking, at the end of the training."""
        when_training_ends(runner, self._leave)

    def before_train(self, runner) -> None:
        """Look at the gradients whenever the optimiser is about to step."""
        wrapper = runner.optim_wrapper
        step = self._step = wrapper.step  # clips the gradients first

        @wraps(step)  # mmengine's schedulers mark it
        def step_if_finite(**kwargs) -> None:
            gradients = [
                parameter.grad for group in wrapper.param_groups
                for parameter in group['params'] if parameter.grad is not None
            ]
            if _finite(torch.stack(torch._foreach_norm(gradients))):
                step(**kwargs)
            else:  # here and in the other processes
                self._refuse(runner, 'a gradient', True)

        if not isinstance(wrapper, AmpOptimWrapper):
            wrapper.step = step_if_finite

        def keep(module: nn.Module, args: tuple, output: Any) -> None:
            self._data = output

        model = unwrap(runner.model)
        for module in model.modules():
            # of mmdet's heads; SciPy's matching would raise, in one process
            assigner = getattr(module, 'assigner', None)
            for i, cost in enumerate(getattr(assigner, 'match_costs', ())):
                if not isinstance(cost, _FiniteCost):
                    assigner.match_costs[i] = _FiniteCost(cost)
        self._handle = model.data_preprocessor.register_forward_hook(keep)

    def _leave(self, loop: Any) -> None:
        if self._handle is not None:
            self._handle.remove()
            loop.runner.optim_wrapper.step = self._step
            self._handle = None

    def before_train_iter(self, runner, batch_idx: int,
                          data_batch: Any = None) -> None:
        """Keep what may have to be taken back."""
        self._found = False
        if self.action == 'skip':
            self._buffers = [(buffer, buffer.clone())
                             for buffer in runner.model.buffers()
                             if buffer.is_floating_point()]

    def after_train_iter(self,
                         runner,
                         batch_idx: int,
                         data_batch: Any = None,
                         outputs: Optional[dict] = None) -> None:
        """Look at the loss, where no step was tried."""
        loss = (outputs or {}).get('loss')
        if not (self._found or _finite(loss)):
            self._refuse(runner, 'the loss', get_world_size() == 1)
        self._data, self._buffers = None, []
        if not self._found:
            self._in_a_row = 0

    def _refuse(self, runner, what: str, repeat: bool) -> None:
        self._found = True
        self._in_a_row += 1
        report = f'iteration {runner.iter + 1}: {what} is not finite. ' + (
            '\n'.join(self._causes(runner, repeat)))
        if self.action == 'error' or self._in_a_row > self.max_skips:
            last = runner.message_hub.runtime_info.get('last_ckpt')
            raise FloatingPointError(
                f'{report}\nThe step was not taken'
                f'{last and f", and {last} is as it was" or ""}. '
                'default_hooks.finite_loss.action=skip would go on without '
                f'it (at most {self.max_skips} times in a row)')
        for buffer, before in self._buffers:
            buffer.copy_(before)
        self.skipped += 1
        warn(f'{report}\nStep skipped; {self.skipped} in this run so far')

    def _causes(self, runner, repeat: bool) -> Iterator[str]:
        """What wasn't finite, when the forward pass is repeated."""
        samples = self._data.get('data_samples') or () if isinstance(
            self._data, dict) else ()
        yield 'Frames: ' + ('; '.join(
            frame_name(sample.metainfo) for sample in samples) or 'unknown')
        if not repeat:  # the other processes would not take part
            return
        if not _finite(self._data):
            yield 'The data are not finite'
        model = unwrap(runner.model)
        blamed: List[str] = []

        def look(name: str, module: nn.Module, args: tuple,
                 output: Any) -> None:
            if not (blamed or _finite(output)):
                blamed.append(f'{name} ({type(module).__name__})')

        handles = [
            module.register_forward_hook(partial(look, name))
            for name, module in model.named_modules() if name
        ]
        for hook in runner.hooks:  # the same random numbers
            if isinstance(hook, RandomStateHook):
                hook.before_train_iter(runner, 0)
        try:
            with torch.no_grad(), runner.optim_wrapper.optim_context(model):
                losses = model._run_forward(self._data, mode='loss')
        finally:
            for handle in handles:
                handle.remove()
        wrong = [name for name, loss in losses.items() if not _finite(loss)]
        if wrong:
            yield f'Losses: {", ".join(wrong)}'
        if blamed:
            yield f'The first module to blame: {blamed[0]}'
        named = list(model.named_parameters())
        weights = [name for name, weight in named if not _finite(weight)]
        if weights:
            yield f'Weights: {", ".join(weights[:5])}'
        if not (wrong or blamed):
            names = [name for name, x in named if not _finite(x.grad)]
            yield ('The forward pass is finite; gradients that are not: '
                   f'{", ".join(names[:5])}, {len(names)} in all')


class _FiniteCost:
    """A cost of a matching, in which NaN costs nothing."""

    def __init__(self, cost: Callable) -> None:
        self.cost = cost

    def __call__(self, *args, **kwargs) -> Tensor:
        return torch.nan_to_num(self.cost(*args, **kwargs), 0., 1e6, -1e6)


def _finite(value: Any) -> bool:
    """Whether all floating numbers are, in nested containers, too."""
    if isinstance(value, Tensor):
        return not value.is_floating_point() or bool(
            torch.isfinite(value).all())
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return all(map(_finite, value))
    return True
