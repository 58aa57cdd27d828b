# Copyright (c) mmteso contributors. All rights reserved.
"""The demo's training until it is good, beside that of another commit.

    python tools/dataset_converters/prepare_synthavs.py data/synthavs --reuse
    python tools/benchmarks/demo_time.py --baseline DIR

Both train at the same time, on one thread each, and validate every 100
iterations; the time counts from the start of tools/train.py to the end of the
first validation with that J. A round is a seed.
"""
import argparse
import os
import os.path as osp
import re
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Dict, List, Tuple

from turns import (ROOT, Sample, add_options, add_training_options, ratio,
                   record)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_options(parser, rounds=1)
    add_training_options(parser)
    parser.add_argument(
        '--J', type=float, default=85., help='in percent (default: 85)')
    return parser.parse_args()


def train_until(tree: str, args: argparse.Namespace,
                seed: int) -> Tuple[Sample, int]:
    """What it takes until J is there, and at which iteration it is."""
    with tempfile.TemporaryDirectory() as folder:
        start, iteration, best = time.perf_counter(), 0, 0.
        process = subprocess.Popen(
            [sys.executable, '-W', 'ignore', 'tools/train.py', args.config,
             '--work-dir', folder, '--cfg-options',
             f'randomness.seed={seed}', 'train_cfg.val_interval=100',
             *(f'{part}_dataloader.dataset.data_root='
               f'{osp.abspath(args.data_root)}' for part in ('train', 'val'))],
            cwd=tree, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True,
            env={**os.environ, 'PYTHONPATH': tree, 'OMP_NUM_THREADS': '1',
                 'PYTHONUNBUFFERED': '1'})
        said = []
        with process.stdout:
            for line in process.stdout:
                said.append(line)
                trained = re.search(r'Iter\(train\) *\[ *(\d+)/', line)
                tested = re.search(r'Iter\(val\).* J: ([\d.]+)', line)
                iteration = int(trained[1]) if trained else iteration
                best = max(best, float(tested[1]) if tested else 0.)
                if best >= args.J:
                    break
            wall = time.perf_counter() - start
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            _, _, usage = os.wait4(process.pid, 0)
    if best < args.J:
        raise RuntimeError(f'{tree}: J reached {best} at most: '
                           f'{"".join(said[-20:])}')
    return Sample(wall, usage.ru_utime + usage.ru_stime), iteration


def main() -> None:
    args = parse_args()
    trees = dict(before=args.baseline, now=ROOT)
    samples: Dict[str, List[Sample]] = {name: [] for name in trees}
    notes: Dict[str, str] = {}
    for seed in range(args.rounds):
        with ThreadPoolExecutor(len(trees)) as pool:
            found = pool.map(lambda tree, seed=seed: train_until(
                osp.abspath(tree), args, seed), trees.values())
            for name, (sample, iteration) in zip(trees, found):
                samples[name].append(sample)
                notes[f'{name}, seed {seed}'] = f'at iteration {iteration}'
    value = ratio(samples, 'now', 'before', 'wall')
    record(
        args, samples, name='demo_time',
        what=f"`make demo`'s training until J is {args.J:g} on validation, by "
        'the clock on the wall, one thread each: now, by before',
        target='at most 0.4', ratio=value, met=value <= .4, notes=notes)


if __name__ == '__main__':
    main()
