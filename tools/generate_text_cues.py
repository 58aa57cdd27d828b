# Copyright (c) mmteso contributors. All rights reserved.
"""Generate the text cues of frames: caption, reason, write (paper 3.2)."""
import argparse
import glob
import itertools
import os
import os.path as osp
import sys
from typing import List, Optional, Tuple

from mmteso.command_line import add_cfg_options, existing_file


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Generate text cues for frames. Killed at any moment and '
        'started again with --resume, it goes on where it was. Of several '
        'processes (WORLD_SIZE and RANK in the environment, as torchrun sets '
        'them) each takes its share of the clips and writes OUT.rankI.jsonl.')
    parser.add_argument(
        'config',
        type=existing_file,
        help='config file, e.g. configs/text_cues/teso.py')
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
        '--resume',
        action='store_true',
        help='go on with the cue files that are there, whatever the number '
        'of processes that wrote them')
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
    if args.frames and (args.data_root or args.subset or args.split):
        parser.error('--frames takes the place of the data set: leave out '
                     '--data-root, --subset and --split')
    return args


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds

from mmengine.config import Config

from mmteso.io import CueFile, CueFileError
from mmteso.text_cues import (CAPTIONERS, FRAME_SOURCES, REASONERS,
                              CueGenerator, Frame, ModelUnavailableError,
                              TooManyFailuresError)


def configure(args: argparse.Namespace) -> Tuple[Config, str]:
    """The config with the command line's changes, and the file to write."""
    config = Config.fromfile(args.config)
    if 'frames' not in config and not args.frames:
        raise ValueError(f'"{args.config}" has no field frames: is it one of '
                         'configs/text_cues?')
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
        # files of the config that lie with the data move with them
        out = out and moved(out, dataset.data_root, args.data_root)
        for model in (config.get('captioner'), config.get('reasoner')):
            for key in {'captions_file', 'answers_file'} & set(model or ()):
                model[key] = moved(model[key], dataset.data_root,
                                   args.data_root)
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


def take_share(frames: List[Frame], rank: int, world_size: int) -> List[Frame]:
    """The frames of one process: clips are dealt out in turn."""
    clips = {}
    return [
        frame for frame in frames
        if clips.setdefault(frame.uid, len(clips)) % world_size == rank
    ]


def build(registry, config: Optional[dict]):
    """What a field of the config describes, if anything."""
    return None if config is None else registry.build(config)


def generate(args: argparse.Namespace) -> None:
    config, out = configure(args)
    world_size = int(os.environ.get('WORLD_SIZE', 1))
    rank = int(os.environ['RANK']) if world_size > 1 else 0
    stem, suffix = osp.splitext(out)
    path = f'{stem}.rank{rank}{suffix}' if world_size > 1 else out
    existing = [
        file for file in
        [out, *sorted(glob.glob(f'{glob.escape(stem)}.rank*{suffix}'))]
        if osp.exists(file)
    ]
    if not args.resume and {out, path} & set(existing):
        raise FileExistsError(
            f'"{path}" or "{out}" exists already. Go on with it by --resume, '
            'or write to another file.')
    generator = CueGenerator(
        build(CAPTIONERS, config.get('captioner')),
        build(REASONERS, config.get('reasoner')),
        **config.get('generator', {}))
    frames = build(FRAME_SOURCES, config.frames).list_frames()[:args.limit]
    done = generator.find_done(existing, args.retry_failed) \
        if args.resume else set()
    counts = generator.run(take_share(frames, rank, world_size), path, done)
    print(f'{path}: {counts["ok"] + counts["captioned"]} frames served, '
          f'{counts["failed"]} failed, {counts["resumed"]} were there already')
    if osp.exists(path):
        cues = [r.cues for r in CueFile(path, cues_only=True).values()]
        print(f'  cues per frame: {sum(map(len, cues)) / len(cues):.2f}, '
              f'different cues: {len(set(itertools.chain(*cues)))}, frames '
              f'without: {cues.count(())}')
    if counts['failed'] and not counts['ok'] + counts['captioned']:
        sys.exit('All frames failed: see "error" in the file.')


def main() -> None:
    try:
        generate(parse_args())
    except KeyboardInterrupt:
        sys.exit('Interrupted; start again with --resume to go on.')
    except (CueFileError, ImportError, KeyError, ModelUnavailableError,
            OSError, TooManyFailuresError, TypeError, ValueError) as error:
        sys.exit(f'{type(error).__name__}: {error}')


if __name__ == '__main__':
    main()
