# Copyright (c) mmteso contributors. All rights reserved.
"""How much a model computes for one frame with its sound and text.

    python tools/analysis_tools/get_flops.py configs/teso/teso_swin-b_v1m.py

mmseg's get_flops.py hands a model the image alone, and knows no Mask2Former.
Needs neither weights nor data.
"""
import argparse

from mmengine.config import Config

# before mmseg.models: see mmteso/ops/stand_in.py
import mmteso  # noqa: F401
from mmteso.apis import format_complexity, model_complexity
from mmteso.engine import add_cfg_options, merge_cfg_options


def parse_args():
    parser = argparse.ArgumentParser(
        description='Count the FLOPs and the parameters of a segmentor, part '
        'by part, for one frame with its sound and text')
    parser.add_argument('config', help='path of the config file')
    parser.add_argument(
        '--shape',
        type=int,
        nargs='+',
        metavar='N',
        help='height and width of the image, or one number for both; '
        'default: what the test pipeline resizes to')
    add_cfg_options(parser)
    return parser, parser.parse_args()


def main():
    parser, args = parse_args()
    cfg = Config.fromfile(args.config)
    merge_cfg_options(cfg, args.cfg_options)
    try:
        complexity = model_complexity(cfg, args.shape)
    except ValueError as error:
        parser.error(f'{error} (--shape)' if 'height' in str(error) else
                     str(error))
    print(format_complexity(complexity))


if __name__ == '__main__':
    main()
