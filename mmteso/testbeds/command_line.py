# Copyright (c) mmteso contributors. All rights reserved.
"""What the tools that write testbeds have in common."""
import argparse
import time
from typing import Any, Callable

from tqdm import tqdm


def add_testbed_options(parser: argparse.ArgumentParser, name: str,
                        size: int) -> None:
    """Add the options that all generators take: ``name`` is the testbed in
    its help, ``size`` the default side of the frames in pixels."""
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


def write_testbed(parser: argparse.ArgumentParser, args: argparse.Namespace,
                  testbed: Any, generate: Callable[..., dict],
                  **arguments: Any) -> None:
    """Call a generator with these options (``out``, ``videos`` and those
    above) and further arguments, and print what a split has."""
    start = time.perf_counter()
    arguments.update(
        videos=args.videos,
        frames=args.frames,
        size=args.size,
        seed=args.seed,
        train_silent_percent=args.train_silent)
    try:
        if args.reuse and testbed.is_up_to_date(args.out, arguments):
            print(f'{args.out}: up to date')
            return
        summary = generate(
            args.out,
            **arguments,
            overwrite=args.overwrite or args.reuse,
            # disable=None: no bar where the output is no terminal.
            progress=lambda jobs: tqdm(jobs, unit='video', disable=None))
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        parser.error(str(error))
    for split, counts in summary.items():
        frames = counts['frames']
        print(f'{split}: {counts["videos"]} videos, {frames} frames, '
              f'{counts["silent"] / frames:.1%} silent, only some of the '
              f'visible objects sound in {counts["partial"] / frames:.1%}')
    print(f'{args.out}: written in {time.perf_counter() - start:.1f} s')
