# Copyright (c) mmteso contributors. All rights reserved.
"""What the first steps of an optimiser move, part by part."""
import copy
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence

import torch
from mmengine.config import Config, ConfigDict
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS, DefaultScope
from mmengine.runner import Runner, load_checkpoint, set_random_seed
from mmengine.structures import LabelData, PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from prettytable import PrettyTable
from torch import Tensor, nn
from torch.nn import functional as F

from mmteso.engine.model_parts import grad_norm, parts_of


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
        _drop_pretrained(cfg.model)
        model = revert_sync_batchnorm(MODELS.build(cfg.model))
        if not real_data:
            # the simulated sound is what an audio encoder gives
            model.audio_encoder = None
        model.init_weights()
        if checkpoint is not None:
            load_checkpoint(model, checkpoint, map_location='cpu')
        model.train()
        if real_data:
            cfg.train_dataloader.batch_size = batch_size
            batches = _endless(
                Runner.build_dataloader(cfg.train_dataloader, seed=seed))
        else:
            batches = simulated_batches(cfg, model, batch_size, seed)
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


def simulated_batches(cfg: Config,
                      model: nn.Module,
                      batch_size: int,
                      seed: int = 0) -> Iterator[dict]:
    """Batches with the statistics of the paper's features, of no meaning.

    Images are noise with the spectrum of natural ones (amplitude 1 / f), in
    which one or two ellipses of another colour are the mask. Text features
    have the length 100 and a mean cosine of 0.6, as ImageBind's embeddings as
    its package returns them; sound is non-negative and two thirds zeros, as
    VGGish's. Two to four cues are valid.

    Args:
        cfg (Config): A training config.
        model (nn.Module): Its model.
        batch_size (int): Frames of a batch.
        seed (int): Seed. Defaults to 0.

    Yields:
        dict: What the model's data preprocessor takes.

    Raises:
        ValueError: If the config does not say how large its images are.
    """
    size = cfg.model.data_preprocessor.get('size') or cfg.get('frame_size')
    if not size:
        raise ValueError(
            'the config has neither data_preprocessor.size nor frame_size, '
            'so images can\'t be simulated: take its data (--real-data)')
    encoder = model.prompt_encoder
    audio_dims = getattr(encoder, 'audio_dims', 128)
    text_dims = getattr(encoder, 'text_dims', 1024)
    num_cues = cfg.get('num_cues', 4)
    classes = model.decode_head.num_classes if hasattr(
        model.decode_head, 'num_classes') else 2
    rng = torch.Generator().manual_seed(seed)
    common = torch.randn(text_dims, generator=rng)

    def sample() -> tuple:
        mask, image = _picture(size, classes, rng)
        own = torch.randn(num_cues, text_dims, generator=rng)
        text = F.normalize(0.6**0.5 * common + 0.4**0.5 * own, dim=1) * 100
        count = int(torch.randint(2, num_cues + 1, (), generator=rng))
        valid = torch.arange(num_cues) < count
        audio = torch.randn(audio_dims, generator=rng).sub(0.43).relu()
        target = torch.rand(num_cues, generator=rng).round()
        data_sample = SegDataSample(
            metainfo=dict(
                ori_shape=size, img_shape=size, pad_shape=size))
        data_sample.gt_sem_seg = PixelData(data=mask[None])
        data_sample.gt_cues = LabelData(
            label=target.masked_fill(~valid, -1))
        inputs = dict(
            img=image,
            audio_feat=audio,
            text_feat=text * valid[:, None],
            text_valid=valid)
        return inputs, data_sample

    while True:
        inputs, data_samples = zip(*(sample() for _ in range(batch_size)))
        yield dict(
            inputs={
                key: [item[key] for item in inputs]
                for key in inputs[0]
            },
            data_samples=list(data_samples))


def _picture(size: Sequence[int], classes: int,
             rng: torch.Generator) -> tuple:
    """A mask (H, W) and its image, uint8 (3, H, W)."""
    height, width = size
    frequency = (torch.fft.fftfreq(height)[:, None]**2 +
                 torch.fft.rfftfreq(width)**2).sqrt()
    spectrum = torch.fft.rfft2(torch.randn(3, *size, generator=rng))
    noise = torch.fft.irfft2(
        spectrum / frequency.clamp(min=1 / max(size)), s=tuple(size))
    image = 120 + 50 * noise / noise.std()
    mask = torch.zeros(tuple(size), dtype=torch.long)
    y = torch.linspace(0, 1, height)[:, None]
    x = torch.linspace(0, 1, width)
    for _ in range(int(torch.randint(1, 3, (), generator=rng))):
        place = torch.rand(2, generator=rng) * 0.6 + 0.2
        radius = torch.rand(2, generator=rng) * 0.2 + 0.1
        inside = ((y - place[0]) / radius[0])**2 + (
            (x - place[1]) / radius[1])**2 < 1
        label = int(torch.randint(1, classes, (), generator=rng))
        mask[inside] = label
        image[:, inside] += 60 * torch.randn(3, 1, generator=rng)
    return mask, image.clamp(0, 255).byte()


def _endless(loader: Any) -> Iterator[dict]:
    while True:
        yield from loader


def _drop_pretrained(cfg: Any) -> None:
    """Leave random weights where a config names files, in place."""
    if isinstance(cfg, dict):
        init = cfg.get('init_cfg')
        if isinstance(init, dict) and init.get('type') == 'Pretrained':
            cfg['init_cfg'] = None
        cfg = cfg.values()
    if not isinstance(cfg, str) and hasattr(cfg, '__iter__'):
        for item in cfg:
            if isinstance(item, (dict, list, tuple)):
                _drop_pretrained(item)


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
