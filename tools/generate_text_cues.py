# Copyright (c) mmteso contributors. All rights reserved.
"""Generate the text cues of frames: caption, reason, write (paper 3.2)."""
import argparse
import os
import os.path as osp
import re
import sys
from typing import Optional, Tuple

from mmengine.config import Config, DictAction

import mmteso  # noqa: F401, registers the data sets
from mmteso.io import CueFileError, CueWriter
from mmteso.text_cues import (CAPTIONERS, FRAME_SOURCES, REASONERS,
                              CueGenerator, ModelUnavailableError,
                              TooManyFailuresError, take_shard)
from mmteso.text_cues.progress import ProgressReport


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Generate text cues for frames. Killed at any moment and '
        'started again with --resume, it goes on where it was. Under '
        'torchrun each process takes its shard; tools/merge_text_cues.py '
        'puts shards together.')
    parser.add_argument(
        'config', help='config file, e.g. configs/text_cues/teso.py')
    parser.add_argument(
        '--frames',
        metavar='FOLDER',
        help='take the images of this folder ({uid}/*.jpg, '
        '{uid}/frames/*.jpg, or *.jpg of one clip) in place of the '
        "config's data set")
    parser.add_argument('--data-root', help="the data set's folder")
    parser.add_argument(
        '--subset', nargs='+', help="subsets of the data set, e.g. v1m v2")
    parser.add_argument(
        '--split', help='train, val or test; default: all, where the data '
        'set has an "all"')
    parser.add_argument(
        '--out',
        help="cue file to write; default: the config's cue_file, in the "
        'folder of the data; FOLDER/cues.jsonl with --frames')
    parser.add_argument(
        '--shard',
        type=parse_shard,
        metavar='I/N',
        help='do only the I-th of N parts, I from 0 to N - 1, and write '
        'OUT.shard-I-of-N.jsonl; default under torchrun: RANK/WORLD_SIZE')
    parser.add_argument(
        '--resume',
        action='store_true',
        help='go on with the cue file if it is there')
    parser.add_argument(
        '--retry-failed',
        action='store_true',
        help='with --resume: try the failed frames again')
    parser.add_argument(
        '--limit',
        type=int,
        metavar='N',
        help='take the first N frames only, for a trial')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='override settings of the config, e.g. '
        'generator.batch_size=32 reasoner.prompt=my_prompt.yaml')
    args = parser.parse_args()
    if args.retry_failed and not args.resume:
        parser.error('--retry-failed goes with --resume')
    if args.limit is not None and args.limit < 1:
        parser.error('--limit must be at least 1')
    if args.frames and (args.data_root or args.subset or args.split):
        parser.error('--frames takes the place of the data set: leave out '
                     '--data-root, --subset and --split')
    return args


def parse_shard(text: str) -> Tuple[int, int]:
    """'I/N' as numbers."""
    match = re.fullmatch(r'(\d+)/(\d+)', text)
    index, count = map(int, match.groups()) if match else (0, 0)
    if not index < count:
        raise argparse.ArgumentTypeError(
            f'{text!r} is no shard: expected I/N with I from 0 to N - 1')
    return index, count


def choose_shard(args: argparse.Namespace) -> Optional[Tuple[int, int]]:
    """The shard of the command line, else torchrun's."""
    if args.shard is None and int(os.environ.get('WORLD_SIZE', 1)) > 1:
        return int(os.environ['RANK']), int(os.environ['WORLD_SIZE'])
    return args.shard


def configure(args: argparse.Namespace) -> Tuple[Config, str]:
    """The config with the command line's changes, and the file to write."""
    config = Config.fromfile(args.config)
    out = config.get('cue_file')
    if args.frames:
        config.frames = dict(type='FolderFrames', root=args.frames)
        out = osp.join(args.frames, 'cues.jsonl')
    dataset = config.frames.get('dataset')
    if dataset is None and (args.data_root or args.subset or args.split):
        raise ValueError(f'"{args.config}" takes its frames from no data '
                         'set: --data-root, --subset and --split have no '
                         'meaning')
    if args.data_root:
        dataset.data_root = args.data_root
        out = osp.join(args.data_root, osp.basename(out)) if out else None
    if args.subset:
        if 'subset' in dataset:  # AVSBench-object: one at a time
            dataset.subset, = args.subset
        else:
            dataset.subsets = tuple(args.subset)
    if args.split:
        dataset.split = args.split
    if args.cfg_options:
        config.merge_from_dict(args.cfg_options)
    out = args.out or out
    if not out:
        raise ValueError(f'"{args.config}" names no cue_file: give --out')
    return config, out


def shard_path(path: str, shard: Optional[Tuple[int, int]]) -> str:
    """Name of a shard's own file."""
    if shard is None:
        return path
    stem, suffix = osp.splitext(path)
    return f'{stem}.shard-{shard[0]}-of-{shard[1]}{suffix}'


def build(registry, config: Optional[dict]):
    """What a field of the config describes, if anything."""
    return None if config is None else registry.build(config)


def main() -> None:
    args = parse_args()
    report = ProgressReport()
    try:
        config, out = configure(args)
        frames = FRAME_SOURCES.build(config.frames).list_frames()
        frames = frames[:args.limit]
        shard = choose_shard(args)
        if shard is not None:
            frames = take_shard(frames, *shard)
        out = shard_path(out, shard)
        with CueWriter(out, args.resume, args.retry_failed) as writer:
            if writer.cut_bytes:
                print(f'{out}: cut off {writer.cut_bytes} bytes of a record '
                      'that was not finished')
            generator = CueGenerator(
                build(CAPTIONERS, config.get('captioner')),
                build(REASONERS, config.get('reasoner')),
                **config.get('generator', {}))
            progress = generator.run(frames, writer, report)
    except KeyboardInterrupt:
        report.close()
        sys.exit('Interrupted; start again with --resume to go on.')
    except (CueFileError, ImportError, ModelUnavailableError, OSError,
            TooManyFailuresError, ValueError) as error:
        report.close()
        sys.exit(f'{type(error).__name__}: {error}')
    report.close()
    print(f'{out}: {progress.done} frames written in {progress.seconds:.1f} '
          f's, {progress.failed} of them failed; {progress.resumed} were '
          'there already')


if __name__ == '__main__':
    main()
