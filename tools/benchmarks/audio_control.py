# Copyright (c) mmteso contributors. All rights reserved.
"""Measure what testing under several audio conditions costs.

Compares one pass over the data in which each frame is looked at once and
heard under every condition (AudioControlLoop) with a test under one condition
and with one test after the other. Weights are random and the frames are
SynthAVS's, brought to the wanted size: neither changes the time.
"""
import argparse
import os
import os.path as osp
import platform
import statistics
import tempfile
import time
from typing import Callable, Dict, List, Sequence

from turns import ROOT, Sample, measure, take_turns

from mmteso.choices import AUDIO_CONDITIONS

WAYS = ('one condition', 'all in one pass', 'one pass each')


def parse_args(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument(
        '--config',
        default=osp.join(ROOT, 'configs/teso/teso_swin-b_v1m.py'),
        help='config of a model with an audio encoder; default: Swin-B')
    parser.add_argument(
        '--size',
        type=int,
        default=384,
        help='height and width of the frames; default: 384')
    parser.add_argument(
        '--batch-sizes',
        type=int,
        nargs='+',
        default=[1, 2],
        help='frames in a batch; default: 1 2')
    parser.add_argument(
        '--conditions',
        nargs='+',
        default=list(AUDIO_CONDITIONS),
        help='audio conditions; the first one is the single one; default: '
        'all five')
    parser.add_argument(
        '--repeat',
        type=int,
        default=5,
        help='how often each way is measured, in turn; default: 5')
    parser.add_argument(
        '--frames',
        type=int,
        default=4,
        help='frames of the end-to-end test (reading, model, metrics); 0 '
        'leaves it out; default: 4')
    parser.add_argument(
        '--device', default='cpu', help='cpu or cuda; default: cpu')
    parser.add_argument(
        '--work-dir',
        default='work_dirs',
        help='where temporary data is written; default: work_dirs')
    parser.add_argument(
        '--require',
        type=float,
        help='fail if a forward pass under all conditions takes more than '
        'this many times as long as under one')
    args = parser.parse_args(argv)
    if len(args.conditions) < 2:
        parser.error('--conditions: expected at least two')
    if args.repeat < 1 or min(args.batch_sizes) < 1 or args.frames < 0:
        parser.error('--repeat and --batch-sizes must be at least 1, --frames '
                     'at least 0')
    return args


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds

import pandas as pd
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.registry import DATASETS, MODELS
from torch import nn

from mmteso.datasets.transforms import split_conditions
from mmteso.engine import audio_conditions_dataloader
from mmteso.models import BottleneckAdapter
from mmteso.models.text_encoders import HashTextEncoder, write_cue_bank
from mmteso.testbeds.synthavs import CLASSES, generate_synthavs
from mmteso.tables import format_table


def make_config(args: argparse.Namespace, folder: str) -> Config:
    """The config, on generated data, without files that nobody has."""
    data_root = osp.join(folder, 'synthavs')
    # 39 clips: 9 are the test split, enough to lend each other sounds
    generate_synthavs(data_root, videos=39, frames=2, size=min(args.size, 128))
    cfg = Config.fromfile(args.config)
    cfg.load_from = None
    for part in (cfg.model.backbone, cfg.model.audio_encoder):
        part.pop('init_cfg', None)
    cfg.model.data_preprocessor.update(test_cfg=dict(size_divisor=32))
    dataset = cfg.test_dataloader.dataset
    dataset.update(
        data_root=data_root,
        metainfo=dict(classes='label2idx.json'),
        subsets='v2',
        split='test')
    steps = [step for step in dataset.pipeline if step.type != 'Resize']
    resize = dict(
        type='Resize', scale=(args.size, args.size), keep_ratio=False)
    steps.insert(1, resize)
    write_cue_bank(
        osp.join(data_root, dataset.cue_bank),
        HashTextEncoder(cfg.model.prompt_encoder.text_dims), CLASSES[1:])
    dataset.pipeline = [
        dict(step, load_visible=False)
        if step['type'] == 'LoadAVSAnnotations' else step for step in steps
    ]
    cfg.test_dataloader.update(
        batch_size=1, num_workers=0, persistent_workers=False)
    cfg.test_evaluator = dict(type='AVSMetric')
    cfg.work_dir = osp.join(folder, 'work')
    cfg.log_level = 'ERROR'
    # one that would write into the temporary folder would outlive it
    cfg.visualizer = dict(
        type='SegLocalVisualizer', name='audio_control', vis_backends=[])
    return cfg


def build_model(cfg: Config, device: str) -> nn.Module:
    """The model with random weights, adapters that do something."""
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    for module in model.modules():
        if isinstance(module, BottleneckAdapter):
            nn.init.normal_(module.up.weight, std=0.02)
    return model.to(device).eval()


def batches(cfg: Config, conditions: Sequence[str],
            batch_size: int) -> List[dict]:
    """A batch under all conditions, and the same under each of them."""
    result = []
    for names in [conditions] + [[name] for name in conditions]:
        config = audio_conditions_dataloader(cfg.test_dataloader, names)
        dataset = DATASETS.build(config['dataset'])
        result.append(
            pseudo_collate([dataset[index] for index in range(batch_size)]))
    return result


def turn(way: Callable, frames: int = 1) -> Callable[[], Sample]:
    """Measures a way, by the frame."""

    def finished() -> None:
        way()
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    return lambda: Sample(*(value / frames for value in measure(finished)))


@torch.no_grad()
def forward_passes(model: nn.Module, cfg: Config, conditions: Sequence[str],
                   batch_size: int, repeat: int) -> tuple:
    """Seconds of the ways, and how far their predictions differ."""
    together, *single = batches(cfg, conditions, batch_size)
    outputs: Dict[str, list] = {}

    def keep(name: str, value: list) -> None:
        outputs[name] = [[sample.sounding_score.data for sample in samples]
                         for samples in value]

    ways = (
        lambda: model.test_step(single[0]),
        lambda: keep(
            'together',
            model.test_sounds_step(
                split_conditions(together, len(conditions)))),
        lambda: keep('single', [model.test_step(batch) for batch in single]),
    )
    seconds = take_turns(dict(zip(WAYS, map(turn, ways))), repeat)
    difference = max(
        (one - other).abs().max().item()
        for ones, others in zip(outputs['together'], outputs['single'])
        for one, other in zip(ones, others))
    return seconds, difference


def end_to_end(cfg: Config, conditions: Sequence[str], frames: int,
               repeat: int) -> Dict[str, List[Sample]]:
    """Time per frame of whole tests: reading, model, metrics."""
    cfg.test_dataloader.dataset.indices = frames
    cfg.test_cfg = dict(type='TestLoop')
    for key in ('train', 'val'):
        for part in ('dataloader', 'cfg', 'evaluator'):
            cfg.pop(f'{key}_{part}', None)
    for key in ('optim_wrapper', 'param_scheduler'):
        cfg.pop(key, None)
    cfg.experiment_name = f'audio_control_{time.time_ns()}'
    runner = Runner.from_cfg(cfg)
    runner.call_hook('before_run')

    def test(names: Sequence[str]) -> Callable:
        loop = runner.build_test_loop(
            dict(
                type='AudioControlLoop', conditions=names, log_table=False))
        return loop.run

    single = [test([name]) for name in conditions]
    count = len(DATASETS.build(cfg.test_dataloader.dataset))
    ways = single[0], test(conditions), lambda: [run() for run in single]
    return take_turns(
        {name: turn(way, count) for name, way in zip(WAYS, ways)}, repeat)


def rows_of(title: str, seconds: Dict[str, List[Sample]]) -> List[dict]:
    """One row per way; the ratios are to one condition."""
    base = Sample(*map(min, zip(*seconds[WAYS[0]])))
    rows = []
    for name, values in seconds.items():
        least = Sample(*map(min, zip(*values)))
        median = statistics.median(value.wall for value in values)
        rows.append({
            'what': title,
            'way': name,
            'min (ms)': f'{1000 * least.wall:.0f}',
            'median (ms)': f'{1000 * median:.0f}',
            'ratio': f'{least.wall / base.wall:.2f}',
            'CPU min (ms)': f'{1000 * least.cpu:.0f}',
            'CPU ratio': f'{least.cpu / base.cpu:.2f}'
        })
    return rows


def main() -> None:
    args = parse_args()
    init_default_scope('mmseg')
    MMLogger.get_current_instance().setLevel('ERROR')
    os.makedirs(args.work_dir, exist_ok=True)
    rows, differences = [], {}
    with tempfile.TemporaryDirectory(dir=args.work_dir) as folder:
        cfg = make_config(args, folder)
        model = build_model(cfg, args.device)
        for size in args.batch_sizes:
            seconds, differences[size] = forward_passes(
                model, cfg, args.conditions, size, args.repeat)
            rows += rows_of(f'forward, {size} frames', seconds)
        del model
        ratios = [float(row['ratio']) for row in rows if row['way'] == WAYS[1]]
        if args.frames:
            rows += rows_of(
                'end to end, a frame',
                end_to_end(cfg, args.conditions, args.frames, args.repeat))
    print(f'{osp.relpath(args.config, ROOT)} at {args.size} x {args.size}, '
          f'random weights; conditions: {", ".join(args.conditions)}')
    print(f'{platform.system()} {platform.machine()}, Python '
          f'{platform.python_version()}, torch {torch.__version__}, '
          f'{args.device}, {torch.get_num_threads()} threads; '
          f'{args.repeat} rounds, the ways in turn')
    print(format_table(pd.DataFrame(rows), left=2))
    print('ratio: least time by that of one condition; CPU: of all threads of '
          'this process (on a busy machine the two differ)')
    for size, difference in differences.items():
        print(f'batch of {size}: largest difference of a score in one pass '
              f'from one pass each: {difference:.3g}')
    if args.require is not None and max(ratios) > args.require:
        raise SystemExit(f'All conditions take {max(ratios):.2f} times as '
                         f'long as one, more than {args.require:g}.')


if __name__ == '__main__':
    main()
