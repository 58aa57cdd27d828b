# Copyright (c) mmteso contributors. All rights reserved.
"""How long a tool takes to say what is wrong, and ``import mmteso`` takes.

Each run is a process of its own. The ratios are of processor time, which
other processes on the machine hardly change.
"""
import argparse
import glob
import os.path as osp
import statistics
from typing import List

from turns import (ROOT, add_options, measure_python, ratio, record,
                   take_turns)

TOOL = 'tools/train.py'
MISTAKES = {
    '--help': (['--help'], 0),
    'a mistyped option': (['config.py', '--no-such-option'], 2),
    'a missing config': (['no-such-config.py'], 2),
}
# what mmteso builds upon; the stand-in for compiled ops has to come first
BASE = 'import mmteso.ops, mmseg.models, mmdet.models'
LOOK_UP = ('import mmteso; from mmseg.registry import MODELS; '
           'MODELS.get("TeSOHead")')
TRANSFORMERS = ('import sys, mmteso; '
                'sys.exit(3 * ("transformers" in sys.modules))')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_options(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()

    def run(words: List[str], tree: str = ROOT, status: int = 0):
        return lambda: measure_python(words, tree, status)

    ways = {
        'import torch': run(['-c', 'import torch']),
        'import mmseg.models, mmdet.models': run(['-c', BASE]),
        # all but 0.1 s of it is `import mmteso`
        '--help, before': run([TOOL, '--help'], args.baseline),
        'import mmteso, now': run(['-c', 'import mmteso']),
        'import mmteso and a look-up, now': run(['-c', LOOK_UP]),
    }
    ways.update((f'{name}, now', run([TOOL, *words], status=status))
                for name, (words, status) in MISTAKES.items())
    samples = take_turns(ways, args.rounds)

    def of(name: str, by: str) -> float:
        return ratio(samples, f'{name}, now', by)

    tools = glob.glob(osp.join(ROOT, 'tools', '**', '*.py'), recursive=True)
    slowest = max(measure_python([tool, '--help']).cpu for tool in tools)
    worst = max(statistics.median(run.cpu for run in samples[f'{name}, now'])
                for name in MISTAKES)
    record(
        args, samples,
        name='arguments',
        what=f'{TOOL} --help, a mistyped option, a missing config (the '
        'slowest of them), by `import torch`',
        target='at most 1 s',
        ratio=max(of(name, 'import torch') for name in MISTAKES),
        met=max(worst, slowest) <= 1,
        notes={
            '--help by before': round(of('--help', '--help, before'), 4),
            'the slowest of all tools with --help, processor seconds':
            round(slowest, 3)
        })
    measure_python(['-c', TRANSFORMERS])  # raises if it's imported
    base = 'import mmseg.models, mmdet.models'
    value = of('import mmteso and a look-up', base)
    record(
        args, samples,
        name='import',
        what='import mmteso and a look-up in a registry, which imports the '
        'rest, by `import mmseg.models, mmdet.models`',
        target='at most 1.15, nothing of transformers in `import mmteso`',
        ratio=value,
        met=value <= 1.15,
        packages=['transformers'],
        notes={
            'before (with --help), by the same':
            round(ratio(samples, '--help, before', base), 3),
            'import mmteso alone, by the same':
            round(of('import mmteso', base), 4),
            'transformers': 'not imported by import mmteso; by mmdet.models, '
            'at the first look-up, where it is installed'
        })


if __name__ == '__main__':
    main()
