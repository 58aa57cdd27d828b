# Copyright (c) mmteso contributors. All rights reserved.
"""Load every frame of a config's data sets once, before a training does.

    python tools/check_data.py configs/teso/teso_swin-b_v1m.py

Names what would end a training midway: images, masks and sounds that can't be
read, masks of another size than their frame or with too many pixels of
unknown colour, sounds shorter than a clip, frames without a line in the cue
file. Files found whole are not read again, neither here nor by DataCheckHook
when a training starts. The exit status is 1 if anything was found.
"""
import argparse
import sys

from mmteso.command_line import add_cfg_options, add_data_root, existing_file

SPLITS = ('train', 'val', 'test')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'config', type=existing_file, help='path of the config file')
    parser.add_argument(
        '--splits',
        nargs='+',
        choices=SPLITS,
        default=SPLITS,
        help="the config's dataloaders to check; default: all that it has")
    parser.add_argument(
        '--num-workers',
        type=int,
        help='threads that read; default: as many as cores, at most 8')
    add_data_root(parser)
    add_cfg_options(parser)
    return parser.parse_args()


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds

from mmengine.registry import DefaultScope
from mmseg.registry import DATASETS

from mmteso.datasets import check_dataset
from mmteso.engine import read_config


def main() -> int:
    args = parse_args()
    cfg = read_config(args.config, args.cfg_options, args.data_root)
    status = 0
    with DefaultScope.overwrite_default_scope(
            cfg.get('default_scope', 'mmseg')):
        for split in args.splits:
            loader = cfg.get(f'{split}_dataloader')
            if loader is None:
                continue
            try:
                dataset = DATASETS.build(loader['dataset'])
            except (OSError, ValueError) as error:
                print(f'{split}_dataloader: {error}')
                status = 1
                continue
            for report in check_dataset(dataset, args.num_workers):
                print(f'{split}_dataloader: {report.summary()}')
                if report.faults:
                    print(report.describe_faults(limit=None))
                    status = 1
    return status


if __name__ == '__main__':
    sys.exit(main())
