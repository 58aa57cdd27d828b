# Copyright (c) mmteso contributors. All rights reserved.
"""Compute the audio features of a config's data sets once, to one file.

    python tools/extract_audio_features.py configs/teso/teso_swin-b_v1m.py \
        --subset v1s v1m v2 --out data/avsbench/audio_vggish.safetensors

``configs/teso/teso-cached-audio_swin-b_v1m.py`` trains from such a file.
"""
import argparse
import os.path as osp
import time

from mmteso.command_line import add_cfg_options, existing_file


def parse_args():
    parser = argparse.ArgumentParser(
        description='Compute the audio features of the data sets of a config '
        'with its audio encoder, each clip once and for all of its frames, '
        'and write them to one safetensors file')
    parser.add_argument(
        'config', type=existing_file, help='path of the config file')
    parser.add_argument(
        '--out',
        required=True,
        help='file to write, e.g. data/avsbench/audio_vggish.safetensors; it '
        'appears when it is complete')
    parser.add_argument(
        '--split',
        nargs='+',
        choices=('train', 'val', 'test'),
        default=('train', 'val', 'test'),
        help='dataloaders of the config whose clips are taken (default: all)')
    parser.add_argument(
        '--subset',
        nargs='+',
        default=(),
        help="subsets in place of the config's, e.g. v1s v1m v2, so that one "
        'file serves several configs')
    parser.add_argument(
        '--batch-size',
        type=int,
        default=80,
        help='frames that are encoded together (default: %(default)s)')
    parser.add_argument(
        '--workers',
        type=int,
        default=2,
        help='processes that decode sound (default: %(default)s)')
    parser.add_argument(
        '--device', help='of the encoder, e.g. cuda or cpu (default: the best '
        'that there is)')
    parser.add_argument(
        '--overwrite', action='store_true', help='replace an existing file')
    add_cfg_options(parser,
                    'model.audio_encoder.init_cfg.checkpoint=vggish.pth')
    return parser, parser.parse_args()


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds

from mmteso.apis import extract_audio_features
from mmteso.engine import read_config


def main():
    parser, args = parse_args()
    if osp.exists(args.out) and not args.overwrite:
        parser.error(f'{args.out} is there already: --overwrite replaces it')
    if args.batch_size < 1 or args.workers < 0:
        parser.error('--batch-size must be at least 1, --workers at least 0')
    start = time.perf_counter()
    try:
        cfg = read_config(args.config, args.cfg_options)
        summary = extract_audio_features(
            cfg,
            args.out,
            splits=args.split,
            subsets=args.subset,
            batch_size=args.batch_size,
            num_workers=args.workers,
            device=args.device)
    except (ImportError, OSError, ValueError) as error:
        parser.error(str(error))
    provenance = summary.provenance
    print(f'{args.out}: {summary.frames} features of {summary.clips} clips '
          f'({provenance.encoder}, {provenance.dims} numbers each) in '
          f'{time.perf_counter() - start:.1f} s')


if __name__ == '__main__':
    main()
