# Copyright (c) mmteso contributors. All rights reserved.
"""How long a tool takes to say what is wrong, and ``import mmteso`` takes.

Each run is a process of its own. The ratios are of processor time, which
other processes on the machine hardly change.
"""
import argparse
import glob
import os.path as osp
import statistics

from turns import (ROOT, add_options, measure_python, ratio, record,
                   take_turns)

TOOL = 'tools/train.py'
# the status with which each ended before: argparse's, and a traceback's
MISTAKES = {
    '--help': (['--help'], 0, 0),
    'a mistyped option': (['config.py', '--no-such-option'], 2, 2),
    'a missing config': (['no-such-config.py'], 2, 1),
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


def arguments(args: argparse.Namespace) -> None:
    ways = {'import torch': lambda: measure_python(['-c', 'import torch'])}
    for name, (words, status, former) in MISTAKES.items():
        # the loop's variables at this time, not at the end
        ways[f'{name}, now'] = lambda words=words, status=status: \
            measure_python([TOOL, *words], status=status)
        ways[f'{name}, before'] = lambda words=words, status=former: \
            measure_python([TOOL, *words], args.baseline, status)
    samples = take_turns(ways, args.rounds)
    tools = [osp.relpath(path, ROOT)
             for path in glob.glob(osp.join(ROOT, 'tools', '**', '*.py'),
                                   recursive=True)]
    slowest = max(measure_python([tool, '--help']).cpu for tool in tools)
    worst = max(statistics.median(run.cpu for run in samples[f'{name}, now'])
                for name in MISTAKES)
    record(
        args, samples,
        name='arguments',
        what=f'{TOOL} --help, a mistyped option, a missing config (the '
        'slowest of them), by `import torch`',
        target='at most 1 s',
        ratio=max(ratio(samples, f'{name}, now', 'import torch')
                  for name in MISTAKES),
        met=max(worst, slowest) <= 1,
        notes={
            'by the baseline': {
                name: round(ratio(samples, f'{name}, now',
                                  f'{name}, before'), 4)
                for name in MISTAKES
            },
            'the slowest of all tools with --help, processor seconds':
            round(slowest, 3)
        })


def imports(args: argparse.Namespace) -> None:
    def run(code: str, tree: str = ROOT):
        return lambda: measure_python(['-c', code], tree)

    ways = {
        'mmseg.models, mmdet.models': run(BASE),
        'import mmteso, before': run('import mmteso', args.baseline),
        'import mmteso, now': run('import mmteso'),
        'import mmteso and a look-up, now': run(LOOK_UP),
    }
    samples = take_turns(ways, args.rounds)
    base = 'mmseg.models, mmdet.models'
    measure_python(['-c', TRANSFORMERS])  # raises if it's imported
    value = ratio(samples, 'import mmteso and a look-up, now', base)
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
            'import mmteso, before, by the same':
            round(ratio(samples, 'import mmteso, before', base), 3),
            'import mmteso alone, now, by the same':
            round(ratio(samples, 'import mmteso, now', base), 4),
            'transformers': 'not imported by import mmteso; by mmdet.models, '
            'at the first look-up, where it is installed'
        })


def main() -> None:
    args = parse_args()
    arguments(args)
    imports(args)


if __name__ == '__main__':
    main()
