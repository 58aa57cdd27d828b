# Copyright (c) mmteso contributors. All rights reserved.
from collections import defaultdict
from typing import Iterable, List

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import nn

from ..model_parts import parts_of, unwrap


@HOOKS.register_module()
class TrainingSummaryHook(Hook):
    """Logs what trains and at which rate, the schedule, and what is frozen.

    Rates are those that training takes, after ``auto_scale_lr``: the one that
    the schedule starts from multiplying, and the one of the next iteration.
    """

    def before_train(self, runner: Runner) -> None:
        """Log it, since only now everything is built, scaled and resumed."""
        model = unwrap(runner.model)
        schedule = ', '.join(
            f'{type(scheduler).__name__} in '
            f'{"epochs" if scheduler.by_epoch else "iterations"} '
            f'{scheduler.begin} to {scheduler.end}'
            for scheduler in runner.param_schedulers or ())
        frozen = _counts(parts_of(model, trainable=False))
        runner.logger.info('\n'.join([
            *_rates(model, runner.optim_wrapper.param_groups),
            f'schedule: {schedule or "none"}', f'frozen: {frozen or "nothing"}'
        ]))


def _rates(model: nn.Module, groups: Iterable[dict]) -> List[str]:
    """A line for each rate."""
    rates = {
        parameter: (group.get('initial_lr', group['lr']), group['lr'])
        for group in groups for parameter in group['params']
    }
    members = defaultdict(lambda: defaultdict(list))
    for part, parameters in parts_of(model).items():
        for parameter in parameters:
            members[rates.get(parameter)][part].append(parameter)
    return [
        'trains ' + (f'at lr {rate[0]:g}, now {rate[1]:g}'
                     if rate else 'in no optimiser') + f': {_counts(parts)}'
        for rate, parts in members.items()
    ]


def _counts(parts: dict) -> str:
    return ', '.join(
        f'{part} {sum(p.numel() for p in parameters) / 1e6:.3g} M'
        for part, parameters in parts.items())
