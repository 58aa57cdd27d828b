# Copyright (c) mmteso contributors. All rights reserved.
"""Draw what a data pipeline makes of its frames, sound and cues.

    python tools/analysis_tools/browse_dataset.py \
        configs/teso/teso_r18_synthavs.py --output-dir look --number 8

mmseg's browse_dataset.py knows images alone as a sample's inputs.
"""
import argparse

from mmengine.config import Config

# before mmseg.models: see mmteso/ops/stand_in.py
import mmteso  # noqa: F401
from mmteso.apis import draw_dataset
from mmteso.engine import add_cfg_options, merge_cfg_options


def parse_args():
    parser = argparse.ArgumentParser(
        description='Draw the frames of a data set as they leave its '
        'pipeline, with the ground truth, and print what sounds, the cues and '
        'the inputs of the model')
    parser.add_argument('config', help='path of the config file')
    parser.add_argument(
        '--output-dir', required=True, help='folder for the pictures')
    parser.add_argument(
        '--split',
        choices=['train', 'val', 'test'],
        default='train',
        help='default: %(default)s')
    parser.add_argument(
        '--number', type=int, help='how many frames; default: all')
    add_cfg_options(parser)
    return parser.parse_args()


def main():
    args = parse_args()
    cfg = Config.fromfile(args.config)
    merge_cfg_options(cfg, args.cfg_options)
    for line in draw_dataset(cfg, args.output_dir, args.split, args.number):
        print(line)


if __name__ == '__main__':
    main()
