# Copyright (c) mmteso contributors. All rights reserved.
"""Generate the text cues of frames: caption, reason, write (paper 3.2)."""
import argparse
import os
import os.path as osp
import re
import sys
from typing import List, Optional, Sequence, Tuple

from mmengine.config import Config

import mmteso  # noqa: F401, registers the data sets
from mmteso.engine import add_cfg_options
from mmteso.io import CueFileError, CueWriter
from mmteso.text_cues import (CAPTIONERS, FRAME_SOURCES, REASONERS,
                              CueGenerator, Frame, ModelUnavailableError,
                              TooManyFailuresError, take_shard)
from mmteso.text_cues.progress import ProgressReport
from mmteso.text_cues.shards import (frames_done_elsewhere, other_parts,
                                     shard_path)


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
    add_cfg_options(
        parser, 'generator.batch_size=32 reasoner.prompt=my_prompt.yaml')
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
    try:
        config = Config.fromfile(args.config)
    except KeyError as error:  # an environment variable that isn't set
        raise ValueError(f'{args.config}: {error.args[0]}') from error
    out = config.get('cue_file')
    if 'frames' not in config and not args.frames:
        raise ValueError(f'"{args.config}" has no field frames: is it one of '
                         'configs/text_cues?')
    if args.frames:
        config.frames = dict(type='FolderFrames', root=args.frames)
        out = osp.join(args.frames, 'cues.jsonl')
    dataset = config.frames.get('dataset')
    if dataset is None and (args.data_root or args.subset or args.split):
        raise ValueError(f'"{args.config}" takes its frames from no data '
                         'set: --data-root, --subset and --split have no '
                         'meaning')
    if args.data_root:
        # files of the config that lie with the data move with them
        out = out and moved(out, dataset.data_root, args.data_root)
        captions = (config.get('captioner') or {}).get('captions_file')
        if captions:
            config.captioner.captions_file = moved(
                captions, dataset.data_root, args.data_root)
        dataset.data_root = args.data_root
    if args.subset:
        if 'subset' not in dataset:
            dataset.subsets = tuple(args.subset)
        elif len(args.subset) == 1:
            dataset.subset = args.subset[0]
        else:
            raise ValueError(f'{dataset.type} reads one subset at a time, '
                             f'but got {args.subset}')
    if args.split:
        dataset.split = args.split
    if args.cfg_options:
        config.merge_from_dict(args.cfg_options)
    out = args.out or out
    if not out:
        raise ValueError(f'"{args.config}" names no cue_file: give --out')
    return config, out


def moved(path: str, old_root: str, new_root: str) -> str:
    """Where a file is if its data are somewhere else."""
    inner = osp.relpath(path, old_root)
    return path if inner.startswith('..') else osp.join(new_root, inner)


def build(registry, name: str, config: Optional[dict]):
    """What a field of the config describes, if anything."""
    if config is None:
        return None
    try:
        return registry.build(config)
    except (KeyError, TypeError) as error:  # unknown type or argument
        message = error.args[0] if error.args else error
        raise ValueError(f'the config\'s {name}: {message}') from error


def leave_out_done(frames: Sequence[Frame], writer: CueWriter,
                   others: Sequence[str], origin: dict,
                   retry_failed: bool) -> List[Frame]:
    """The frames without those that runs of other shards have made."""
    done = frames_done_elsewhere(others, origin, retry_failed)
    kept = [
        frame for frame in frames
        if frame.key in writer.done or frame.key not in done
    ]
    if len(kept) < len(frames):
        files = sorted({done[f.key] for f in frames if f.key in done})
        print(f'{len(frames) - len(kept)} frames are in {", ".join(files)} '
              'already: merge these files as well')
    return kept


def main() -> None:
    args = parse_args()
    report = ProgressReport()
    try:
        config, out = configure(args)
        shard = choose_shard(args)
        path = shard_path(out, shard)
        generator = CueGenerator(
            build(CAPTIONERS, 'captioner', config.get('captioner')),
            build(REASONERS, 'reasoner', config.get('reasoner')),
            **config.get('generator', {}))
        frames = build(FRAME_SOURCES, 'frames', config.frames).list_frames()
        frames = frames[:args.limit]
        if shard is not None:
            frames = take_shard(frames, *shard)
        with CueWriter(path, args.resume, args.retry_failed) as writer:
            if writer.cut_bytes:
                print(f'{path}: {writer.cut_bytes} bytes of a record that '
                      "was not finished don't count")
            if args.resume:
                frames = leave_out_done(frames, writer, other_parts(
                    out, shard), generator.origin, args.retry_failed)
            progress = generator.run(frames, writer, report)
    except KeyboardInterrupt:
        report.close()
        sys.exit('Interrupted; start again with --resume to go on.')
    except (CueFileError, ImportError, ModelUnavailableError, OSError,
            TooManyFailuresError, ValueError) as error:
        report.close()
        sys.exit(f'{type(error).__name__}: {error}')
    report.close()
    print(f'{path}: {progress.done} frames written in {progress.seconds:.1f} '
          f's, {progress.failed} of them failed; {progress.resumed} were '
          'there already')
    if progress.done and progress.failed == progress.done:
        sys.exit('All frames failed: see "error" in the file.')


if __name__ == '__main__':
    main()
