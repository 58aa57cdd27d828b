# Copyright (c) mmteso contributors. All rights reserved.
"""What the first steps of an optimiser move, part by part."""
import copy
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence

import torch
from mmengine.config import Config, ConfigDict
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS, DefaultScope
from mmengine.runner import Runner, set_random_seed
from prettytable import PrettyTable
from torch import Tensor, nn

from mmteso.engine.model_parts import grad_norm, parts_of
from .simulated import model_without_files, simulated_batches


class PartStep(NamedTuple):
    """What a step does to a part of a model.

    Attributes:
        part (str): See :func:`mmteso.engine.model_parts.part_of`.
        parameters (int): Numbers in it.
        norm (float): Of its gradient, before the clip.
        clipped_norm (float): And after.
        step (float): Mean of ``|step| / lr`` over the entries that have a
            gradient (a ReLU and an adapter's zeros hide some), without weight
            decay; NaN where none has. AdamW's first step is
            ``g / (|g| + eps)``: 1 where eps is nothing beside the clipped
            gradient, 0 where the part is starved.
        relative (float): The step's norm in percent of the weights'; infinite
            for weights that are zero.
    """
    part: str
    parameters: int
    norm: float
    clipped_norm: float
    step: float
    relative: float


@dataclass
class FirstSteps:
    """What :func:`first_steps` measures.

    Attributes:
        steps (dict[int, list[PartStep]]): By iteration, from 1.
        losses (list[float]): Of every iteration.
        rates (list[float]): The largest learning rate of every iteration.
        replayed (dict[str, list[PartStep]]): What the first step would be
            with other settings, by their description.
        inputs (str): What model and batches are made of.
    """
    steps: Dict[int, List[PartStep]]
    losses: List[float]
    rates: List[float]
    replayed: Dict[str, List[PartStep]]
    inputs: str


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

    Runs on the CPU, with the config's optimiser, clip and schedule and with
    the learning rates as they stand there (``auto_scale_lr`` scales a step
    and not its ratio to the rate).

    Args:
        cfg (Config): A training config.
        iterations (Sequence[int]): Iterations to look at. Defaults to (1, ).
        clips (Sequence[float | None]): Other clips of the norm, None for
            none, with which the first gradient is stepped again. Defaults to
            ().
        epsilons (Sequence[float]): AdamW's eps for these; each clip is
            combined with each. Defaults to (): the config's.
        batch_size (int): Frames of an iteration. Defaults to 2.
        checkpoint (str, optional): Weights. Defaults to None: random ones,
            also where the config names pretrained ones.
        real_data (bool): Take the config's training data and audio encoder
            instead of :func:`simulated_batches`. Defaults to False.
        epoch_length (int): Iterations of an epoch, for the schedule. Defaults
            to 93: V1M's 1480 frames, 16 at a time.
        seed (int): Seed. Defaults to 0.

    Returns:
        FirstSteps: The measurement.

    Raises:
        ValueError: If the batches can't be simulated, since the config's
            model has no size of the image.
    """
    cfg = copy.deepcopy(cfg)
    set_random_seed(seed)
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope')):
        model = model_without_files(cfg, checkpoint, audio_encoder=real_data)
        model.train()
        if real_data:
            cfg.train_dataloader.batch_size = batch_size
            batches = _endless(
                Runner.build_dataloader(cfg.train_dataloader, seed=seed))
        else:
            batches = simulated_batches(cfg, model, batch_size, seed=seed)
        wrapper = _build_wrapper(model, cfg.optim_wrapper)
        schedulers = _build_schedulers(wrapper, cfg.param_scheduler,
                                       epoch_length)
        result = FirstSteps({}, [], [], {}, _describe(cfg, checkpoint,
                                                      real_data))
        for iteration in range(1, max(iterations) + 1):
            loss = _loss(model, next(batches))
            model.zero_grad()
            loss.backward()
            if iteration == 1:
                for clip in clips:
                    for eps in epsilons or (None, ):
                        name, other = _other_settings(cfg.optim_wrapper, clip,
                                                      eps)
                        result.replayed[name] = _replay(model, other)
            result.losses.append(loss.item())
            result.rates.append(
                max(g['lr'] for g in wrapper.optimizer.param_groups))
            if iteration in iterations:
                result.steps[iteration] = _step(model, wrapper)
            else:
                wrapper.step()
            for scheduler in schedulers:
                scheduler.step()
    return result


def _endless(loader: Any) -> Iterator[dict]:
    while True:
        yield from loader


def _build_wrapper(model: nn.Module, cfg: ConfigDict) -> OptimWrapper:
    """The config's, without weight decay: steps are the gradient's alone."""
    wrapper = build_optim_wrapper(model, cfg)
    for group in wrapper.optimizer.param_groups:
        group['weight_decay'] = 0.
    return wrapper


def _build_schedulers(wrapper: OptimWrapper, cfgs: Any,
                      epoch_length: int) -> List[Any]:
    cfgs = [cfgs] if isinstance(cfgs, dict) else cfgs or []
    return [
        PARAM_SCHEDULERS.build(
            cfg, default_args=dict(
                optimizer=wrapper, epoch_length=epoch_length)) for cfg in cfgs
    ]


def _loss(model: nn.Module, batch: dict) -> Tensor:
    data = model.data_preprocessor(batch, training=True)
    losses = model(**data, mode='loss')
    return model.parse_losses(losses)[0]


def _other_settings(cfg: ConfigDict, clip: Optional[float],
                    eps: Optional[float]) -> tuple:
    cfg = copy.deepcopy(cfg)
    name = f'clip {"none" if clip is None else f"{clip:g}"}'
    if clip is None:
        cfg.clip_grad = None
    else:
        cfg.clip_grad = dict(max_norm=clip, norm_type=2)
    if eps is not None:
        cfg.optimizer.eps = eps
        name += f', eps {eps:g}'
    return name, cfg


def _replay(model: nn.Module, cfg: ConfigDict) -> List[PartStep]:
    """The step that the model's gradient gives; the model stays as it is."""
    trained = [p for p in model.parameters() if p.grad is not None]
    before = [(p.detach().clone(), p.grad.clone()) for p in trained]
    step = _step(model, _build_wrapper(model, cfg))
    with torch.no_grad():
        for parameter, (weight, gradient) in zip(trained, before):
            parameter.copy_(weight)
            parameter.grad = gradient
    return step


@torch.no_grad()
def _step(model: nn.Module, wrapper: OptimWrapper) -> List[PartStep]:
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
    steps = []
    for part, parameters in parts.items():
        moved = [p - w for p, w in zip(parameters, weights[part])]
        length = _norm(weights[part])
        steps.append(
            PartStep(
                part, sum(p.numel() for p in parameters), norms[part],
                grad_norm(parameters),
                torch.cat([(step / rates[p])[p.grad != 0].abs()
                           for step, p in zip(moved, parameters)
                           if p.grad is not None]).mean().item(),
                100 * _norm(moved) / length if length else torch.inf))
    return steps


def _norm(tensors: Sequence[Tensor]) -> float:
    return float(sum(t.double().square().sum() for t in tensors))**0.5


def _describe(cfg: Config, checkpoint: Optional[str],
              real_data: bool) -> str:
    weights = f'weights of {checkpoint}' if checkpoint else 'random weights'
    if checkpoint is None and cfg.get('load_from'):
        weights += ' (the config\'s load_from is not read)'
    data = 'the training data' if real_data else (
        'simulated batches: 1/f noise with ellipses, text features of length '
        "100 and cosine 0.6, sparse non-negative sound; nobody's data")
    return f'{weights}; {data}'


def format_first_steps(result: FirstSteps) -> str:
    """Tables of what the first steps move.

    Args:
        result (FirstSteps): From :func:`first_steps`.

    Returns:
        str: Lines of text.
    """
    lines = [result.inputs]
    if result.replayed:
        lines += ['', 'The first step with other settings, |step| / lr:']
        table = _table(['part', *result.replayed])
        for rows in zip(*result.replayed.values()):
            table.add_row([rows[0].part, *(f'{row.step:.3f}' for row in rows)])
        lines.append(str(table))
    for iteration, steps in result.steps.items():
        total = sum(step.norm**2 for step in steps)**0.5
        lines += [
            '', f'Iteration {iteration}: loss '
            f'{result.losses[iteration - 1]:.2f}, largest lr '
            f'{result.rates[iteration - 1]:.2g}, gradient norm {total:.3g}'
        ]
        table = _table([
            'part', 'parameters (M)', 'gradient norm', 'after the clip',
            '|step| / lr', '% of the weights'
        ])
        for step in steps:
            table.add_row([
                step.part, f'{step.parameters / 1e6:.3f}', f'{step.norm:.2e}',
                f'{step.clipped_norm:.2e}', f'{step.step:.3f}',
                f'{step.relative:.3g}'
            ])
        lines.append(str(table))
    if len(result.losses) > 1:
        lines += [
            '', 'losses: ' + ' '.join(f'{loss:.1f}' for loss in result.losses)
        ]
    return '\n'.join(lines)


def _table(columns: List[str]) -> PrettyTable:
    table = PrettyTable(columns, align='r')
    table.align['part'] = 'l'
    return table
