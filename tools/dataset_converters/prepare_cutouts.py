# Copyright (c) mmteso contributors. All rights reserved.
"""Write the cutouts testbed: real looks and sounds on photographs."""
import argparse
import time

from tqdm import tqdm

from mmteso.testbeds.cutouts import (CUTOUTS, PACKAGES, Sources,
                                     fetch_packages, generate_cutouts)


def parse_args():
    parser = argparse.ArgumentParser(
        description='Compose the cutouts testbed, in the layout of AVSBench-'
        "semantic (it is not AVSBench), of the files of Debian's packages "
        f'{" and ".join(PACKAGES)}. The same arguments and packages give the '
        'same bytes.')
    parser.add_argument('out', help='folder to write, e.g. data/cutouts')
    parser.add_argument(
        '--stamps',
        default='/usr/share/tuxpaint/stamps',
        help="folder of Tux Paint's stamps (default: %(default)s)")
    parser.add_argument(
        '--backgrounds',
        default='/usr/share/backgrounds/mate',
        help="folder of MATE's backgrounds (default: %(default)s)")
    parser.add_argument(
        '--fetch',
        nargs='?',
        const='data/cutouts-packages',
        metavar='DIR',
        help='in place of the two: download the packages (208 MB) with '
        'apt-get into this folder, unless they are there, and unpack them '
        'without installing (default: %(const)s)')
    parser.add_argument(
        '--videos',
        type=int,
        default=960,
        help='number of videos in all, split 10:1:2:1:2 into train, val, '
        'test, test_exemplar and test_unseen (default: %(default)s)')
    parser.add_argument(
        '--frames',
        type=int,
        default=5,
        help='frames, and seconds, of a video (default: %(default)s)')
    parser.add_argument(
        '--size',
        type=int,
        default=128,
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
        help='replace the cutouts in the folder; files that it did not write '
        'stay')
    parser.add_argument(
        '--reuse',
        action='store_true',
        help='leave complete cutouts of the same arguments as they are, and '
        'replace any other ones')
    return parser, parser.parse_args()


def main():
    parser, args = parse_args()
    start = time.perf_counter()
    arguments = dict(
        videos=args.videos,
        frames=args.frames,
        size=args.size,
        seed=args.seed,
        train_silent_percent=args.train_silent)
    if args.reuse and CUTOUTS.is_up_to_date(args.out, arguments):
        print(f'{args.out}: up to date')
        return
    try:
        if args.fetch:
            args.stamps, args.backgrounds = fetch_packages(args.fetch)
        summary = generate_cutouts(
            args.out,
            Sources(args.stamps, args.backgrounds),
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


if __name__ == '__main__':
    main()
