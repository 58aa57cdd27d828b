# Copyright (c) mmteso contributors. All rights reserved.
"""Write SynthAVS, the embedded synthetic test bed, to a folder."""
import argparse

from mmteso.testbeds.command_line import add_testbed_options, write_testbed


def parse_args():
    parser = argparse.ArgumentParser(
        description='Write SynthAVS, a small synthetic data set in the layout '
        'of AVSBench-semantic (it is not AVSBench). The same arguments give '
        'the same bytes.')
    parser.add_argument('out', help='folder to write, e.g. data/synthavs')
    parser.add_argument(
        '--videos',
        type=int,
        default=520,
        help='number of videos in all, split 10:1:2 into train, val and test '
        '(hard: 10:1:1:1, with test_unseen) (default: %(default)s)')
    parser.add_argument(
        '--variant',
        choices=['easy', 'hard'],
        default='easy',
        help='easy: 8 classes that differ in colour, shape and sound; hard: '
        '16 classes composed of 4 shapes and 4 textures, in noise, 4 of them '
        'in the split test_unseen only (default: %(default)s)')
    add_testbed_options(parser, 'SynthAVS', size=96)
    return parser, parser.parse_args()


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds

from mmteso.testbeds.synthavs import generate_synthavs
from mmteso.testbeds.synthavs.files import SYNTHAVS

if __name__ == '__main__':
    parser, args = parse_args()
    write_testbed(
        parser, args, SYNTHAVS, generate_synthavs, variant=args.variant)
