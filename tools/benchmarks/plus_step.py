# Copyright (c) mmteso contributors. All rights reserved.
"""A training step of our own model by one of the paper's, in turns.

    python tools/dataset_converters/prepare_cutouts.py data/cutouts --fetch
    python tools/benchmarks/plus_step.py

One thread, on the CPU: forward, backward and optimizer, on batches that are
loaded before.
"""
import argparse

from training_step import median_step
from turns import ROOT, add_options, ratio, record, take_turns

CONFIG = 'configs/teso/{}_efficientnet-lite0_cutouts.py'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Time the training step of teso-plus and of teso, on '
        'cutouts, in turns.')
    add_options(parser, baseline=ROOT)
    parser.add_argument(
        '--data-root', default='data/cutouts',
        help='folder of the cutouts (default: %(default)s)')
    parser.add_argument(
        '--steps', type=int, default=6,
        help='in each turn; their median counts (default: %(default)s)')
    return parser.parse_args()


def main() -> None:
    args = parse_args()

    def way(name: str):
        return lambda: median_step(args.baseline, CONFIG.format(name),
                                   args.data_root, args.steps)

    samples = take_turns({'paper': way('teso'), 'plus': way('teso-plus')},
                         args.rounds)
    value = ratio(samples, 'plus', 'paper')
    record(
        args, samples,
        name='plus_step',
        what='A training step of teso-plus on cutouts, one thread, by one of '
        "the paper's model",
        target='at most 1.15',
        ratio=value,
        met=value <= 1.15)


if __name__ == '__main__':
    main()
