# Copyright (c) mmteso contributors. All rights reserved.
"""What the tools that write testbeds have in common."""
import argparse
from typing import Any, Mapping


def add_testbed_options(parser: argparse.ArgumentParser, name: str,
                        size: int) -> None:
    """Add the options that all generators take.

    Args:
        parser (argparse.ArgumentParser): Of the tool.
        name (str): The testbed, as its help calls it.
        size (int): Default side of the frames in pixels.
    """
    parser.add_argument(
        '--frames',
        type=int,
        default=5,
        help='frames, and seconds, of a video (default: %(default)s)')
    parser.add_argument(
        '--size',
        type=int,
        default=size,
        help='side of the frames in pixels (default: %(default)s)')
    parser.add_argument(
        '--seed', type=int, default=0, help='seed (default: %(default)s)')
    parser.add_argument(
        '--train-silent',
        type=int,
        default=15,
        metavar='PERCENT',
        help="percent of train's frames in which nothing sounds; the other "
        'splits have 15 (default: %(default)s)')
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help=f'replace {name} in the folder; files that it did not write stay')
    parser.add_argument(
        '--reuse',
        action='store_true',
        help=f'leave {name} as it is, if it is complete and of the same '
        'arguments, else replace it')


def print_summary(summary: Mapping[str, Mapping[str, Any]]) -> None:
    """Print what a generator returns, a line for each split."""
    for split, counts in summary.items():
        frames = counts['frames']
        print(f'{split}: {counts["videos"]} videos, {frames} frames, '
              f'{counts["silent"] / frames:.1%} silent, only some of the '
              f'visible objects sound in {counts["partial"] / frames:.1%}')
