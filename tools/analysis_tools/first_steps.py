# Copyright (c) mmteso contributors. All rights reserved.
"""What the optimiser's first steps move, part by part.

    python tools/analysis_tools/first_steps.py configs/teso/teso_swin-b_v1m.py

Needs neither weights nor data: unless told otherwise, weights are random and
batches simulated. docs/recipe.md tells what the recipe was chosen by.
"""
import argparse

from mmteso.command_line import add_cfg_options, existing_file


def _clip(text):
    return None if text == 'none' else float(text)


def parse_args():
    parser = argparse.ArgumentParser(
        description='Print, for each part of a model, the norm of its '
        'gradient and how far the first steps of the optimiser move it')
    parser.add_argument(
        'config', type=existing_file, help='path of the config file')
    parser.add_argument(
        '--iters',
        type=int,
        nargs='+',
        default=[1],
        metavar='N',
        help='iterations to print, from 1; all up to the largest are run; '
        'default: 1')
    parser.add_argument(
        '--clip',
        type=_clip,
        nargs='+',
        default=[],
        metavar='NORM',
        help='print the first step with these clips too, or none')
    parser.add_argument(
        '--eps',
        type=float,
        nargs='+',
        default=[],
        help="AdamW's eps, each with each --clip; default: the config's")
    parser.add_argument(
        '--batch-size',
        type=int,
        default=2,
        metavar='N',
        help='frames of an iteration; default: 2')
    parser.add_argument('--checkpoint', help='weights; default: random ones')
    parser.add_argument(
        '--real-data',
        action='store_true',
        help="take the config's training data and audio encoder")
    parser.add_argument(
        '--epoch-length',
        type=int,
        default=93,
        metavar='N',
        help="iterations of an epoch, for the schedule; default: 93, V1M's "
        '1480 frames in batches of 16')
    parser.add_argument('--seed', type=int, default=0, help='default: 0')
    add_cfg_options(parser)
    return parser.parse_args()


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds

from mmengine.logging import MMLogger

from mmteso.analysis.first_steps import first_steps, format_first_steps
from mmteso.engine import read_config


def main():
    args = parse_args()
    # a line for each initialised weight otherwise
    MMLogger.get_instance('first_steps', log_level='WARNING')
    cfg = read_config(args.config, args.cfg_options)
    result = first_steps(
        cfg,
        args.iters,
        clips=args.clip,
        epsilons=args.eps,
        batch_size=args.batch_size,
        checkpoint=args.checkpoint,
        real_data=args.real_data,
        epoch_length=args.epoch_length,
        seed=args.seed)
    weights = f'weights of {args.checkpoint}' if args.checkpoint else \
        'random weights (what the config loads is not read)'
    print(f'{weights}; ' + (
        'the training data' if args.real_data else
        'simulated batches: 1/f noise with ellipses, text features of length '
        "100 and cosine 0.6, sparse non-negative sound; nobody's data"))
    print(format_first_steps(result))


if __name__ == '__main__':
    main()
