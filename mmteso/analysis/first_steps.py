# Copyright (c) mmteso contributors. All rights reserved.
"""What the first steps of an optimiser move, part by part."""
import copy
from dataclasses import dataclass, field
from itertools import chain, product, repeat
from typing import Dict, Iterable, List, Optional, Sequence

import pandas as pd
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS, init_default_scope
from mmengine.runner import Runner, set_random_seed
from torch import Tensor, nn

from mmteso.engine.model_parts import grad_norm, parts_of
from mmteso.tables import format_table
from .simulated import model_without_files, simulated_batches


@dataclass
class FirstSteps:
    """What :func:`first_steps` measures.

    ``steps`` by iteration, from 1, have for each part of the model
    ``parameters``, their number; ``norm`` of the gradient, ``clipped_norm``
    after the clip; ``step``, the mean of ``|step| / lr`` over the entries that
    have a gradient, without weight decay; ``relative``, the step's norm in
    percent of the weights'. ``replayed`` is ``step`` in the first iteration
    with other settings, by their description: AdamW's is ``g / (|g| + eps)``,
    1 where eps is nothing beside the clipped gradient, 0 where the part is
    starved. Loss and largest rate are those of every iteration.
    """
    steps: Dict[int, pd.DataFrame] = field(default_factory=dict)
    replayed: Dict[str, pd.Series] = field(default_factory=dict)
    losses: List[float] = field(default_factory=list)
    rates: List[float] = field(default_factory=list)


def first_steps(cfg: Config,
                iterations: Sequence[int] = (1, ),
                clips: Sequence[Optional[float]] = (),
                epsilons: Sequence[float] = (),
                batch_size: int = 2,
                checkpoint: Optional[str] = None,
                real_data: bool = False,
                epoch_length: int = 93,
                seed: int = 0) -> FirstSteps:
    """Train a config's model for a few iterations and look at the steps.

    On the CPU, with the config's optimiser, clip, schedule and learning rates.
    ``iterations`` count from 1. AdamW's first step is computed as well with
    other ``clips`` of the norm, None for none, each combined with each of
    ``epsilons``, by default the config's. Weights are random without a
    checkpoint, batches of :func:`simulated_batches` without ``real_data``,
    which takes the config's training data and audio encoder.
    ``epoch_length``, in iterations, is for the schedule: 93 are V1M's 1480
    frames, 16 at a time.
    """
    cfg = copy.deepcopy(cfg)
    set_random_seed(seed)
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    model = model_without_files(cfg, checkpoint, audio_encoder=real_data)
    model.train()
    if real_data:
        cfg.train_dataloader.batch_size = batch_size
        loader = Runner.build_dataloader(cfg.train_dataloader, seed=seed)
        batches = chain.from_iterable(repeat(loader))
    else:
        batches = simulated_batches(cfg, model, batch_size, seed=seed)
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    for group in wrapper.optimizer.param_groups:
        group['weight_decay'] = 0.  # steps are the gradient's alone
    schedules = cfg.param_scheduler or []
    schedulers = [
        PARAM_SCHEDULERS.build(
            schedule,
            default_args=dict(optimizer=wrapper, epoch_length=epoch_length))
        for schedule in (
            [schedules] if isinstance(schedules, dict) else schedules)
    ]
    result = FirstSteps()
    for iteration, batch in zip(range(1, max(iterations) + 1), batches):
        data = model.data_preprocessor(batch, training=True)
        loss, _ = model.parse_losses(model(**data, mode='loss'))
        model.zero_grad()
        loss.backward()
        if iteration == 1:
            for clip, eps in product(clips, epsilons or (None, )):
                name = f'clip {"none" if clip is None else f"{clip:g}"}'
                name += '' if eps is None else f', eps {eps:g}'
                result.replayed[name] = _first_adamw_step(
                    model, clip,
                    wrapper.optimizer.defaults['eps'] if eps is None else eps)
        result.losses.append(loss.item())
        result.rates.append(
            max(group['lr'] for group in wrapper.optimizer.param_groups))
        step = _step(model, wrapper)
        if iteration in iterations:
            result.steps[iteration] = step
        for scheduler in schedulers:
            scheduler.step()
    return result


@torch.no_grad()
def _first_adamw_step(model: nn.Module, clip: Optional[float],
                      eps: float) -> pd.Series:
    """Mean of ``|step| / lr`` by part, of the gradient that is there."""
    gradients = {
        part: torch.cat([
            p.grad[p.grad != 0].abs() for p in parameters
            if p.grad is not None
        ])
        for part, parameters in parts_of(model, split_attention=True).items()
    }
    total = _norm(gradients.values())
    scale = 1. if clip is None else min(1., clip / (total + 1e-6))
    return pd.Series({
        part: (scale * g / (scale * g + eps)).mean().item()
        for part, g in gradients.items()
    })


@torch.no_grad()
def _step(model: nn.Module, wrapper: OptimWrapper) -> pd.DataFrame:
    """Step, and compare with the weights and gradients before."""
    parts = parts_of(model, split_attention=True)
    weights = {
        part: [p.detach().clone() for p in parameters]
        for part, parameters in parts.items()
    }
    norms = {part: grad_norm(parameters) for part, parameters in parts.items()}
    rates = {
        parameter: group['lr']
        for group in wrapper.optimizer.param_groups
        for parameter in group['params']
    }
    with torch.enable_grad():
        wrapper.step()
    rows = {}
    for part, parameters in parts.items():
        moved = [p - w for p, w in zip(parameters, weights[part])]
        length = _norm(weights[part])
        # a ReLU and an adapter's zeros hide some entries
        ratios = [(step / rates[p])[p.grad != 0].abs()
                  for step, p in zip(moved, parameters) if p.grad is not None]
        rows[part] = dict(
            parameters=sum(p.numel() for p in parameters),
            norm=norms[part],
            clipped_norm=grad_norm(parameters),
            step=torch.cat(ratios).mean().item(),
            relative=100 * _norm(moved) / length if length else torch.inf)
    return pd.DataFrame.from_dict(rows, orient='index')


def _norm(tensors: Iterable[Tensor]) -> float:
    return float(sum(t.double().square().sum() for t in tensors))**0.5


def format_first_steps(result: FirstSteps) -> str:
    """Tables of what the first steps move."""
    lines = []
    if result.replayed:
        lines += [
            '\nThe first step with other settings, |step| / lr:',
            _format(pd.DataFrame(result.replayed), '{:.3f}')
        ]
    titles = dict(
        parameters='parameters (M)',
        norm='gradient norm',
        clipped_norm='after the clip',
        step='|step| / lr',
        relative='% of the weights')
    for iteration, steps in result.steps.items():
        total = (steps['norm']**2).sum()**0.5
        lines += [
            f'\nIteration {iteration}: loss '
            f'{result.losses[iteration - 1]:.2f}, largest lr '
            f'{result.rates[iteration - 1]:.2g}, gradient norm {total:.3g}',
            _format(
                steps.assign(parameters=steps['parameters'] / 1e6).rename(
                    columns=titles), '{:.3g}')
        ]
    losses = ' '.join(f'{loss:.1f}' for loss in result.losses)
    return '\n'.join([*lines, f'\nlosses: {losses}'])


def _format(table: pd.DataFrame, form: str) -> str:
    return format_table(table.map(form.format).reset_index(names='part'))
