# Copyright (c) mmteso contributors. All rights reserved.
"""Make a data set in AVSBench's layout of raw videos.

    python tools/dataset_converters/videos_to_avsbench.py *.mp4 \\
        --out data/mine --classes dog tram

Writes a frame a second, the sound (16 kHz, mono), the metadata and an empty
folder for each clip's masks. Prints a JSON line for each video; one that
can't be read doesn't stop the rest, but the exit status is then 1. Called
again it adds to the data set; what is there is never overwritten.
"""
import argparse
import json
import sys


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'videos', nargs='+', metavar='VIDEO', help='files that FFmpeg reads')
    parser.add_argument(
        '--out', required=True, help='folder of the data set')
    parser.add_argument(
        '--classes',
        nargs='+',
        metavar='CLASS',
        help='the classes of the data set, for its classes.txt; default: '
        'those of --labels')
    parser.add_argument(
        '--labels',
        metavar='CSV',
        help='what sounds in each video: columns video, a_obj (classes joined '
        'by _), and perhaps split')
    parser.add_argument(
        '--split',
        default='train',
        help='of videos whose label names none (default: %(default)s)')
    parser.add_argument(
        '--layout',
        choices=['semantic', 'object'],
        default='semantic',
        help='object: single-source with --labels, whose a_obj is the '
        'category, else multi-source (default: %(default)s)')
    parser.add_argument(
        '--subset',
        default='clips',
        help='folder of the clips, in the semantic layout (default: '
        '%(default)s)')
    parser.add_argument(
        '--fps', type=float, default=1., help='frames a second (default: 1)')
    parser.add_argument(
        '--seconds',
        type=float,
        help='longer videos become several clips (default: 10; the object '
        'layout has 5)')
    parser.add_argument(
        '--allow-silent',
        action='store_true',
        help='take a video without sound for silence')
    return parser, parser.parse_args()


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds

from tqdm import tqdm

from mmteso.datasets.folders import VideoConverter, read_video_labels


def main() -> int:
    parser, args = parse_args()
    try:
        converter = VideoConverter(
            args.out,
            args.layout,
            classes=args.classes,
            labels=read_video_labels(args.labels) if args.labels else None,
            split=args.split,
            subset=args.subset,
            fps=args.fps,
            seconds=args.seconds,
            allow_silent=args.allow_silent)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    status = 0
    for path in tqdm(args.videos, unit='video', disable=None):
        try:
            line = dict(video=path, status='ok', **converter.convert(path))
        # whatever is wrong with one file, the others are to be done
        except Exception as error:
            line = dict(
                video=path,
                status='failed',
                error=f'{type(error).__name__}: {error}')
            status = 1
        print(json.dumps(line), flush=True)
    return status


if __name__ == '__main__':
    sys.exit(main())
