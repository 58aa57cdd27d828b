# Copyright (c) mmteso contributors. All rights reserved.
"""Write zero-shot and few-shot lists for a SynthAVS, as AVS-V3 has them."""
import argparse


def parse_args():
    parser = argparse.ArgumentParser(
        description='Hold classes of a SynthAVS out and write the lists that '
        'AVSBenchV3Dataset reads: training and validation without these '
        'classes, tests with nothing else, and 1, 3 and 5 clips of each to '
        'learn them from. It is not AVS-V3.')
    parser.add_argument(
        'root', help='SynthAVS, written by prepare_synthavs.py')
    parser.add_argument(
        '--unseen',
        nargs='+',
        default=['green-square', 'pink-flower'],
        metavar='CLASS',
        help='classes to hold out (default: %(default)s)')
    parser.add_argument(
        '--list-dir',
        default='v3',
        help='folder of the lists, relative to the SynthAVS (default: '
        '%(default)s)')
    parser.add_argument(
        '--seed', type=int, default=0, help='seed (default: %(default)s)')
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='replace lists that are there')
    return parser, parser.parse_args()


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds

from mmteso.testbeds.synthavs import write_v3_lists


def main():
    parser, args = parse_args()
    try:
        counts = write_v3_lists(
            args.root,
            args.unseen,
            list_dir=args.list_dir,
            seed=args.seed,
            overwrite=args.overwrite)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    for path, count in counts.items():
        print(f'{path}: {count} clips')


if __name__ == '__main__':
    main()
