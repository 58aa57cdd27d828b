# Copyright (c) mmteso contributors. All rights reserved.
"""Put methods side by side: scores under several sounds, size and speed.

    python tools/analysis_tools/compare.py --out work_dirs/compare \
        --model TeSO CONFIG CHECKPOINT --model AVSBench CONFIG CHECKPOINT

Writes ``comparison.md`` (the columns of the paper's tables 1 and 4),
``comparison.csv``, ``comparison.json`` and ``scores.png`` into the folder.
"""
import argparse
import os.path as osp

from mmteso.choices import CONTROLS, audio_condition_transform
from mmteso.command_line import (add_audio_conditions, add_cfg_options,
                                 add_data_root, existing_file)

NONE = 'none'


def parse_args():
    parser = argparse.ArgumentParser(
        description='Test methods under several sounds on one data set, and '
        'compare scores, parameters, FLOPs and speed')
    parser.add_argument(
        '--model',
        nargs='+',
        action='append',
        required=True,
        metavar=('NAME', 'CONFIG CHECKPOINT ...'),
        help='a row; may be given several times. Several checkpoints are runs '
        'with other seeds, whose mean is shown. CHECKPOINT is '
        f'"{NONE}" for models that bring their weights')
    parser.add_argument(
        '--out', required=True, help='folder for tables and chart')
    parser.add_argument(
        '--controls',
        nargs='*',
        choices=CONTROLS,
        default=list(CONTROLS),
        help='rows without a model: everything visible, one visible object '
        'by chance, a blank mask; the first two only where the data says what '
        'is visible (default: all)')
    add_audio_conditions(parser)
    parser.add_argument(
        '--score-size',
        nargs=2,
        type=int,
        metavar=('H', 'W'),
        help='score J and F at this size, for models whose frames have other '
        "sizes (default: as each config's AVSMetric says)")
    parser.add_argument(
        '--speed-frames',
        type=int,
        default=8,
        metavar='N',
        help='measure the speed over so many frames; 0 leaves it out '
        '(default: %(default)s)')
    parser.add_argument('--note', default='', help='written into the report')
    add_data_root(parser)
    add_cfg_options(parser)
    return parser, parser.parse_args()


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds

from mmteso.analysis.comparison import compare_models
from mmteso.analysis.frames import find_metric
from mmteso.analysis.preference import ComparedModel
from mmteso.engine import read_config


def main():
    parser, args = parse_args()
    models = []
    try:
        for condition in args.audio:
            audio_condition_transform(condition)
        for row in args.model:
            if len(row) < 3:
                raise ValueError(f'--model {" ".join(row)}: needs a name, a '
                                 'config and at least one checkpoint')
            name, path, *checkpoints = row
            cfg = read_config(
                existing_file(path), args.cfg_options, args.data_root)
            if args.score_size:
                find_metric(cfg)['score_size'] = args.score_size
            for checkpoint in checkpoints:
                if checkpoint != NONE:
                    existing_file(checkpoint)
                models.append(
                    ComparedModel(name, path, cfg,
                                  None if checkpoint == NONE else checkpoint))
    except (argparse.ArgumentTypeError, KeyError, OSError,
            ValueError) as error:
        parser.error(str(error))
    compare_models(
        models,
        args.out,
        args.audio,
        args.controls,
        args.speed_frames,
        args.note,
        reference=args.audio_reference,
        seed=args.audio_seed,
        off_screen_groups=args.off_screen_groups)
    for name in ('comparison.md', 'comparison.csv', 'comparison.json',
                 'scores.png'):
        print(osp.join(args.out, name))


if __name__ == '__main__':
    main()
