# Copyright (c) mmteso contributors. All rights reserved.
"""Check a folder in one of AVSBench's layouts; complete or convert it.

    python tools/dataset_converters/prepare_avsbench.py --root data/avsbench

Reads every file once: clips per split against the published numbers, missing
and broken files, masks of another size than their frame or with unknown
values, lengths of the sounds, frames without a line in the cue file, files
that nothing reads. The exit status is 1 if the folder isn't good.
tools/check_data.py checks what one config makes of its data; this needs no
config. Both use the loaders of the data sets, and neither reads again what
it has found whole.
"""
import argparse
import logging
import sys


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        '--root', required=True, help='folder that holds the metadata')
    parser.add_argument(
        '--layout',
        choices=['semantic', 'object'],
        help='default: as found')
    parser.add_argument(
        '--subsets',
        nargs='+',
        metavar='SUBSET',
        help='e.g. v1s v1m; default: all that the metadata name')
    parser.add_argument(
        '--partial',
        action='store_true',
        help='fewer clips than published are fine')
    parser.add_argument(
        '--classes',
        metavar='FILE',
        help="the class names, a line each; default: the folder's classes.txt "
        "or label2idx.json, else AVSBench's")
    parser.add_argument(
        '--palette',
        metavar='FILE',
        help="the masks' colours, one a line; default: the folder's "
        "palette.txt, else VOC's")
    parser.add_argument(
        '--without-masks',
        action='store_true',
        help='there are no masks, or not yet')
    parser.add_argument(
        '--cues',
        metavar='FILE',
        help='text cues, relative to the root; default: cues.jsonl, if it is '
        'there')
    parser.add_argument(
        '--fps', type=float, default=1., help='frames a second (default: 1)')
    parser.add_argument(
        '--fix',
        action='store_true',
        help='make missing files again where what is there says all about '
        'them: sounds from the one other sound or video file of the clip, '
        'log-mels from sounds, masks of indices from masks of colours and the '
        'other way round; nothing that is there is changed')
    parser.add_argument(
        '--to-semantic',
        metavar='OUT',
        help='write the object layout anew in the semantic one')
    parser.add_argument(
        '--report',
        metavar='FILE',
        help='write the whole report there, as JSON, and beside it as text, '
        'FILE.txt')
    parser.add_argument(
        '--workers',
        type=int,
        help='threads that read; default: as many as cores, at most 8')
    return parser.parse_args()


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds

from mmengine.logging import MMLogger

from mmteso.datasets.folders import (DataFolder, check_folder,
                                     convert_to_semantic, repair_folder)
from mmteso.io import write_file, write_json


def main() -> int:
    args = parse_args()
    # what the loaders say of single files is in the report
    MMLogger.get_current_instance().setLevel(logging.ERROR)
    try:
        folder = DataFolder(
            args.root,
            args.layout,
            args.subsets,
            classes=args.classes,
            palette=args.palette,
            with_masks=not args.without_masks,
            cue_file=args.cues,
            fps=args.fps)
        repairs = repair_folder(folder, args.workers) if args.fix else []
        report = check_folder(folder, args.workers, args.partial)
    except (OSError, ValueError) as error:
        print(f'{args.root}: {error}')
        return 1
    lines = [str(report)]
    if args.fix:
        lines.append('\n'.join(map(str, repairs)) or 'nothing to make')
    status = int(not report.is_good)
    converted = None
    if args.to_semantic:
        try:
            count, left_out = convert_to_semantic(folder, args.to_semantic,
                                                  args.workers)
        except (OSError, ValueError) as error:
            print(f'{args.to_semantic}: {error}')
            return 1
        converted = dict(
            folder=args.to_semantic, clips=count, left_out=left_out)
        lines.append('\n  '.join([
            f'{args.to_semantic}: {count} clips written, {len(left_out)} left '
            'out', *(f'{name}: {why}' for name, why in left_out.items())
        ]))
        status = status or int(bool(left_out))
    text = '\n\n'.join(lines)
    print(text)
    if args.report:
        write_json(
            dict(
                report.to_dict(),
                repairs=[repair._asdict() for repair in repairs],
                converted=converted), args.report)
        write_file(f'{args.report}.txt', f'{text}\n')
    return status


if __name__ == '__main__':
    sys.exit(main())
