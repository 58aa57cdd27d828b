# Copyright (c) mmteso contributors. All rights reserved.
"""What two processes tell each other in a training step.

    python tools/benchmarks/ddp.py

A TeSO with Swin-T, narrowed, in two processes by gloo. A communication hook
counts what DDP reduces; 4 bytes for each parameter that trains is what has to
be. With --strategies, mmengine's FlexibleRunner also trains two iterations
with FSDP and, where it is installed, with DeepSpeed.
"""
import argparse
import json
import os
import os.path as osp
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from typing import Dict, List

from turns import ROOT, Sample, add_options, measure, record, take_turns

CONFIG = 'teso/teso_swin-t_v1m.py'
LARGE = 'teso/teso_swin-b_v1m.py'
STRATEGIES: Dict[str, tuple] = {
    # 'cpu', since FSDP takes a number for an accelerator's
    'FSDPStrategy': (2, dict(model_wrapper=dict(
        type='MMFullyShardedDataParallel', device_id='cpu',
        use_orig_params=True)), dict()),
    'DeepSpeedStrategy': (1, dict(
        train_micro_batch_size_per_gpu=2, zero_optimization=dict(stage=1)),
        dict(type='DeepSpeedOptimWrapper', optimizer=dict(
            type='AdamW', lr=1e-4))),
}
sys.path.insert(0, osp.join(ROOT, 'tests'))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_options(parser, baseline=ROOT)
    parser.add_argument(
        '--strategies', action='store_true',
        help='also start FSDP and DeepSpeed')
    parser.add_argument('--worker', help=argparse.SUPPRESS)
    parser.add_argument('--folder', help=argparse.SUPPRESS)
    return parser.parse_args()


def count(folder: str) -> None:
    """A process of two: bytes of a step, and its seconds."""
    import torch
    import torch.distributed as dist
    from mmengine.model import MMDistributedDataParallel
    from mmengine.optim import build_optim_wrapper
    from narrow import build, load, make_batch, narrow_model
    from torch.distributed.algorithms.ddp_comm_hooks import default_hooks

    torch.set_num_threads(1)
    dist.init_process_group('gloo')
    cfg = load(CONFIG)
    inner = build(narrow_model(cfg.model))
    model = MMDistributedDataParallel(
        inner, device_ids=None, broadcast_buffers=False)
    reduced: List[int] = []

    def hook(group, bucket):
        reduced.append(bucket.buffer().nbytes)
        return default_hooks.allreduce_hook(group, bucket)

    model.register_comm_hook(dist.group.WORLD, hook)
    optim = build_optim_wrapper(model, cfg.optim_wrapper)
    batch = make_batch(seed=dist.get_rank())

    def step() -> None:
        # as train_step, but the batch is a preprocessed one
        reduced.clear()
        losses = model(**batch, mode='loss')
        optim.update_params(inner.parse_losses(losses)[0])

    step()  # its buckets are not those of the next ones
    seconds = measure(step)
    if dist.get_rank() == 0:
        trainable = sum(value.numel() for value in inner.parameters()
                        if value.requires_grad)
        print(json.dumps(dict(
            wall=seconds.wall, cpu=seconds.cpu, reduced=sum(reduced),
            buckets=len(reduced), trainable=trainable)))
    dist.barrier()
    dist.destroy_process_group()


def start(name: str, folder: str) -> None:
    """A process in which FlexibleRunner trains with a strategy."""
    import torch.distributed as dist
    from mmengine.runner import FlexibleRunner
    from narrow import load, narrow_config
    _, strategy, optim_wrapper = STRATEGIES[name]
    dist.init_process_group('gloo')
    cfg = narrow_config(load(CONFIG), folder, osp.join(folder, 'work'), 4)
    for part in ('dataloader', 'cfg', 'evaluator'):
        cfg[f'val_{part}'] = cfg[f'test_{part}'] = None
    cfg.train_cfg = dict(type='IterBasedTrainLoop', max_iters=2)
    cfg.param_scheduler = None
    cfg.strategy = dict(strategy, type=name)
    cfg.launcher = 'pytorch'
    cfg.default_hooks = dict(checkpoint=None, logger=None)
    if optim_wrapper:
        cfg.optim_wrapper = optim_wrapper
    runner = FlexibleRunner.from_cfg(cfg)
    runner.train()
    if dist.get_rank() == 0:
        print(json.dumps(f'{runner.iter} iterations in {dist.get_world_size()}'
                         f' processes, {type(runner.model).__name__}'))
    dist.barrier()


def launch(worker: str, processes: int, folder: str):
    """What the first of some processes says at last."""
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-m', 'torch.distributed.run',
         '--standalone', f'--nproc-per-node={processes}', __file__,
         '--worker', worker, '--folder', folder],
        env={**os.environ, 'OMP_NUM_THREADS': '1', 'DS_ACCELERATOR': 'cpu'},
        capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f'{worker} failed: {done.stderr[-6000:]}')
    return json.loads(next(line for line in done.stdout.splitlines()[::-1]
                           if line[:1] in '{"'))


def try_strategies() -> Dict[str, str]:
    """What came of each strategy."""
    from data import make_avsbench
    said = {}
    with tempfile.TemporaryDirectory() as folder:
        make_avsbench(folder, ('v1m', ), clips=2)
        for name, (processes, *_) in STRATEGIES.items():
            try:
                said[name] = launch(name, processes, folder)
            except RuntimeError as error:
                lines = [line for line in str(error).splitlines()
                         if 'Error: ' in line or 'not installed' in line]
                said[name] = f'fails: {lines[0] if lines else error}'
    return said


def large_model() -> Dict[str, str]:
    """Bytes of a ring all-reduce of Swin-B's, by GPU and step; computed."""
    from mmengine.registry import init_default_scope
    from mmseg.registry import MODELS
    from narrow import load, shapes_without_memory
    init_default_scope('mmseg')
    with shapes_without_memory():
        model = MODELS.build(load(LARGE).model)
    bytes_ = 4 * sum(value.numel() for value in model.parameters()
                     if value.requires_grad)
    return {
        f'{osp.basename(LARGE)}, {gpus} GPUs, computed':
        f'{2 * (gpus - 1) / gpus * bytes_ / 1e6:.4g} MB sent by each GPU in '
        f'a step, 2 (n - 1) / n of {bytes_ / 1e6:.4g} MB'
        for gpus in (8, 64)
    }


def main() -> None:
    args = parse_args()
    if args.worker:
        (count if args.worker == 'count' else
         lambda folder: start(args.worker, folder))(args.folder)
        return
    said: List[dict] = []

    def turn() -> Sample:
        said.append(launch('count', 2, ''))
        return Sample(said[-1]['wall'], said[-1]['cpu'])

    samples = take_turns({'a step of one of two processes': turn},
                         args.rounds)
    last, notes = said[-1], large_model()
    packages = []
    if args.strategies:
        notes.update(try_strategies())
        packages = [name for name in ('deepspeed', ) if find_spec(name)]
    value = last['reduced'] / (4 * last['trainable'])
    record(
        args, samples, name='ddp',
        what='Bytes that DDP reduces in a step by 4 for each parameter that '
        f'trains ({osp.basename(CONFIG)}, narrowed, two processes)',
        target='1.0', ratio=value, met=value == 1, packages=packages, notes={
            'bytes': last['reduced'], 'buckets': last['buckets'], **notes
        })


if __name__ == '__main__':
    main()
