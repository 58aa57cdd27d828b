# Copyright (c) mmteso contributors. All rights reserved.
"""Find what sounds in videos: masks, overlays, a video with sound, a player.

Prints a JSON line for each input; one that can't be read doesn't stop the
rest, but the exit status is then 1. Inputs whose results are there, made with
the same options, are passed over.
"""
import argparse
import hashlib
import json
import os
import os.path as osp
import sys
import time
from contextlib import redirect_stdout
from typing import TextIO

from mmteso.choices import SAVE
from mmteso.command_line import add_cfg_options, add_data_root, existing_file
from mmteso.cpu import log_idle_threads, relax_idle_threads


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Segment what sounds in video files.')
    parser.add_argument(
        'inputs', nargs='+', metavar='INPUT',
        help='video files, folders of pictures, or, with --audio, one picture')
    parser.add_argument(
        '--config', required=True, type=existing_file, help='of the model')
    parser.add_argument(
        '--checkpoint', help='weights; none for configs/zero_shot/')
    parser.add_argument(
        '--out', default='work_dirs/infer',
        help='folder for the results, one folder in it for each input '
        '(default: %(default)s)')
    parser.add_argument(
        '--audio', metavar='FILE',
        help='sound or video file that is the sound of the inputs')
    parser.add_argument(
        '--sound', default='normal',
        help='normal, mute, noise, wgn-{level}db or another file: what the '
        'model gets to listen to (default: %(default)s)')
    cues = parser.add_mutually_exclusive_group()
    cues.add_argument(
        '--cues', nargs='+', help='names of what could sound')
    cues.add_argument(
        '--cue-file', help='cue file; the name of an input is its uid')
    cues.add_argument(
        '--cue-generator', metavar='CONFIG',
        help='captioner and reasoner, e.g. configs/text_cues/teso.py')
    parser.add_argument(
        '--text-encoder', metavar='CONFIG',
        help='for cues that the model\'s cue bank has not, e.g. '
        'configs/text_features/imagebind.py')
    parser.add_argument(
        '--fps', type=float, default=1., help='steps a second (default: 1)')
    parser.add_argument(
        '--threshold', type=float,
        help='pixels sound above this score (default: 0.5; in the semantic '
        'task what has the highest score)')
    parser.add_argument('--batch-size', type=int, default=4)
    parser.add_argument('--amp', choices=['bf16', 'fp16'])
    parser.add_argument('--device', help='default: a GPU if there is one')
    parser.add_argument(
        '--save', nargs='*', choices=SAVE, default=list(SAVE),
        help='what to write beside the JSON (default: all)')
    parser.add_argument(
        '--allow-silent', action='store_true',
        help='take an input without sound for silence')
    parser.add_argument(
        '--overwrite', action='store_true',
        help='also those whose results are there')
    add_data_root(parser)
    add_cfg_options(parser)
    return parser.parse_args()


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds
    relax_idle_threads()  # before torch is imported

# the output is JSON lines alone: some libraries print, also when imported
with redirect_stdout(sys.stderr):
    from mmengine.config import Config

    from mmteso.apis import AVSInferencer, Clip
    from mmteso.apis.clip_files import file_name
    from mmteso.engine import read_config
    from mmteso.io import read_json, write_json


def make_clip(path: str, args: argparse.Namespace) -> Clip:
    """An input as a clip."""
    kind = 'video'
    if osp.isdir(path):
        kind = 'frames'
    elif osp.splitext(path)[1].lower() in ('.jpg', '.jpeg', '.png', '.webp'):
        kind = 'image'
    clip = {kind: path}
    if args.audio:
        clip['audio'] = args.audio
    if kind == 'frames':
        clip['fps'] = args.fps
    return Clip(clip, args.allow_silent)


def fingerprint(path: str, args: argparse.Namespace, cfg: Config) -> str:
    """Of the options and the files that results depend on."""
    options = {
        key: value for key, value in vars(args).items()
        if key not in ('inputs', 'out', 'overwrite', 'device')
    }
    stamps = []
    for file in (path, args.checkpoint, args.audio, args.sound,
                 args.cue_file, args.cue_generator, args.text_encoder):
        if file and osp.exists(file):
            stat = os.stat(file)
            stamps.append((osp.abspath(file), stat.st_size, stat.st_mtime_ns))
    text = json.dumps([options, stamps, cfg.to_dict()], sort_keys=True,
                      default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def infer(inferencer: AVSInferencer, path: str, folder: str,
          args: argparse.Namespace) -> dict:
    """Results of one input, as its line says them."""
    start = time.perf_counter()
    try:
        result = inferencer.write(
            make_clip(path, args), args.out, save=args.save,
            sound=args.sound, cues=args.cues, cue_file=args.cue_file,
            cue_generator=args.cue_generator, fps=args.fps,
            threshold=args.threshold, batch_size=args.batch_size,
            amp=args.amp, allow_silent=args.allow_silent,
            progress=sys.stderr.isatty())
    # whatever is wrong with one file, the others are to be done
    except Exception as error:
        return dict(
            input=path, status='failed',
            error=f'{type(error).__name__}: {error}')
    return dict(
        input=path, status='ok', out=folder, frames=len(result['frames']),
        problems=len(result['problems']),
        seconds=round(time.perf_counter() - start, 2))


def main() -> int:
    args = parse_args()
    lines = sys.stdout
    with redirect_stdout(sys.stderr):
        return infer_all(args, lines)


def infer_all(args: argparse.Namespace, lines: TextIO) -> int:
    """Write a line for each input; the exit status."""
    folders = [
        osp.join(args.out, file_name(
            osp.splitext(osp.basename(osp.abspath(path)))[0]))
        for path in args.inputs
    ]
    if len(set(folders)) < len(folders):
        raise SystemExit('two inputs have the same name, and would write to '
                         'the same folder: give them to two calls')
    cfg = read_config(args.config, args.cfg_options, args.data_root)
    log_idle_threads()
    inferencer = None
    failed = False
    for path, folder in zip(args.inputs, folders):
        done = osp.join(folder, 'done.json')
        made_of = dict(input=path, options=fingerprint(path, args, cfg))
        if (not args.overwrite and osp.isfile(done)
                and osp.isfile(osp.join(folder, 'result.json'))
                and read_json(done) == made_of):
            line = dict(input=path, status='there')
        else:
            if inferencer is None:
                inferencer = AVSInferencer(
                    cfg, args.checkpoint, args.device,
                    text_encoder=args.text_encoder)
            line = infer(inferencer, path, folder, args)
            if line['status'] == 'ok':
                write_json(made_of, done)
        failed |= line['status'] == 'failed'
        print(json.dumps(line), file=lines, flush=True)
    return int(failed)


if __name__ == '__main__':
    sys.exit(main())
