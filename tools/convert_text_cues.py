# Copyright (c) mmteso contributors. All rights reserved.
"""Make a cue file of the TeSO authors' JSON, or their JSON of one."""
import argparse
import os
import sys
from typing import List, Mapping, Tuple

from mmteso.choices import FRAMES_PER_CLIP

EXAMPLES = """
examples:
  # cues of the authors' release, {"vid": {"f0": "guitar,man,", ...}, ...}
  python tools/convert_text_cues.py import text.json --subsets v1m \\
      --metadata data/avsbench/metadata.csv --out data/avsbench/cues.jsonl

  # and back
  python tools/convert_text_cues.py export data/avsbench/cues.jsonl \\
      --subsets v1m --metadata data/avsbench/metadata.csv --out text.json

"COMMAND --help" says more about each.
"""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(
        dest='command', metavar='COMMAND', required=True)

    read = commands.add_parser(
        'import',
        help="make a cue file of the authors' JSON",
        description="Make a cue file of the authors' JSON. It is keyed by "
        'vid, which several clips of v2 share: cues of such a video are '
        'never guessed to be those of one clip.')
    read.add_argument(
        'file', metavar='JSON', help='{"vid": {"f0": "guitar,man,", ...}}')
    read.add_argument('--out', required=True, help='cue file to write')
    read.add_argument(
        '--skip-missing',
        action='store_true',
        help='go on if clips or frames have no cues')
    read.add_argument(
        '--frames',
        type=int,
        metavar='N',
        help='frames of a clip (default: as in AVSBench, '
        f'{", ".join(f"{n} in {s}" for s, n in FRAMES_PER_CLIP.items())})')

    write = commands.add_parser(
        'export',
        help="make the authors' JSON of a cue file",
        description="Make the authors' JSON, {\"vid\": {\"f0\": "
        '"guitar,man,", ...}}, of a cue file. A comma follows each cue, as '
        'their code expects it.')
    write.add_argument('file', metavar='CUES', help='cue file')
    write.add_argument('--out', required=True, help='JSON file to write')

    for command in (read, write):
        command.add_argument(
            '--metadata', required=True, help="the data set's metadata.csv")
        command.add_argument(
            '--subsets',
            nargs='+',
            choices=list(FRAMES_PER_CLIP),
            default=list(FRAMES_PER_CLIP),
            help='only the clips of these (default: all)')
        command.add_argument(
            '--split',
            metavar='SPLIT',
            help='only its clips, e.g. train (default: all)')
        command.add_argument(
            '--class-set',
            metavar='FILE',
            help='file of the classes that the metadata name, such as '
            "label2idx.json (default: AVSBench's)")
        command.add_argument(
            '--skip-colliding',
            action='store_true',
            help='leave out the clips that share their vid')
        command.add_argument(
            '--skip-unknown',
            action='store_true',
            help='leave out what the metadata lack')
        command.add_argument(
            '--overwrite',
            action='store_true',
            help='replace an existing output')

    args = parser.parse_args()
    if getattr(args, 'frames', None) is not None and args.frames < 1:
        parser.error('--frames must be at least 1')
    return args


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds

from mmteso.datasets.avsbench_meta import AVSBENCH_CLASSES, read_classes
from mmteso.datasets.clip_metadata import ClipRow, read_clip_metadata
from mmteso.io import (CueFile, CueFileError, VidClip, VidJsonError,
                       export_vid_json, import_vid_json, read_vid_json,
                       write_cue_file, write_vid_json)


def check_out(args: argparse.Namespace) -> None:
    """Refuse to write over something, before the work is done."""
    if os.path.realpath(args.out) in map(os.path.realpath,
                                         [args.file, args.metadata]):
        raise CueFileError(f'"{args.out}" is also an input: write to another '
                           'file.')
    if os.path.exists(args.out) and not args.overwrite:
        raise CueFileError(f'"{args.out}" exists already; --overwrite '
                           'replaces it.')


def plural(count: int, what: str) -> str:
    """'1 frame', '2 frames'."""
    return f'{count} {what}{"s" * (count != 1)}'


def print_counts(counts: Mapping[str, int]) -> None:
    for words, count in counts.items():
        if count:
            print(f'{words}: {count}')


def read_rows(args: argparse.Namespace) -> Tuple[List[ClipRow], List[ClipRow]]:
    """The clips that are asked for, and the others."""
    classes = AVSBENCH_CLASSES
    if args.class_set is not None:
        classes = read_classes(args.class_set)
    rows = read_clip_metadata(args.metadata, classes, None,
                              tuple(FRAMES_PER_CLIP))
    if not all(row.vid for row in rows):
        raise VidJsonError(f'{args.metadata} has no "vid" for each clip.')
    asked, others = [], []
    for row in rows:
        wanted = row.subset in args.subsets and args.split in (None, row.split)
        (asked if wanted else others).append(row)
    if not asked:
        raise VidJsonError(f'{args.metadata} has no clip of the split '
                           f'{args.split} in {", ".join(args.subsets)}.')
    return asked, others


def skipped(args: argparse.Namespace) -> List[str]:
    """Kinds of problems that the command line allows."""
    return [
        kind for kind in ('colliding', 'unknown', 'missing')
        if getattr(args, f'skip_{kind}', False)
    ]


def import_json(args: argparse.Namespace) -> None:
    table, cleaned = read_vid_json(args.file)
    asked, others = read_rows(args)
    clips = {}
    for row in asked:
        frames = args.frames or FRAMES_PER_CLIP[row.subset]
        # the release trains on the one labelled frame of these
        only_first = (row.subset, row.split) == ('v1s', 'train')
        clips[row.uid] = VidClip(row.vid, frames, 1 if only_first else frames)
    found = import_vid_json(table, clips, {row.vid
                                           for row in others}, skipped(args))
    write_cue_file(args.out, found.records)
    served = len({record.uid for record in found.records})
    print(f'{args.out}: {plural(len(found.records), "frame")}; {served} of '
          f'{plural(len(asked), "clip")} have cues')
    print(f'cleaned: {cleaned["None"]} times the word None, '
          f'{plural(cleaned["repeated"], "repeated cue")}, '
          f'{plural(cleaned["spaces"], "cue")} with spaces around')
    words = dict(
        colliding='left out, videos that several clips share',
        unknown='left out, videos or frames not in the metadata',
        missing='without cues, clips or frames',
        other='not asked for, videos of other subsets or splits')
    print_counts({
        words[kind]: len(items)
        for kind, items in found.left_out.items()
    })


def export_json(args: argparse.Namespace) -> None:
    records = CueFile(args.file).values()
    asked, others = read_rows(args)
    passed = {row.uid for row in others}
    wanted = [record for record in records if record.uid not in passed]
    made = export_vid_json(wanted, {row.uid: row.vid
                                    for row in asked}, skipped(args))
    write_vid_json(args.out, made.table)
    print(f'{args.out}: {plural(len(made.table), "video")}, '
          f'{plural(sum(map(len, made.table.values())), "frame")}')
    print_counts({
        'written as if nothing sounded, frames that failed or have a caption '
        'only': made.unserved,
        'left out, videos of several clips': len(made.left_out['colliding']),
        'left out, clips not in the metadata': len(made.left_out['unknown']),
        'not asked for, frames of other subsets or splits':
        len(records) - len(wanted)
    })


def main() -> None:
    args = parse_args()
    try:
        check_out(args)
        (import_json if args.command == 'import' else export_json)(args)
    except (CueFileError, VidJsonError, OSError, ValueError) as error:
        sys.exit(str(error))


if __name__ == '__main__':
    main()
