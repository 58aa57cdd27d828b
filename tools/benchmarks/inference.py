# Copyright (c) mmteso contributors. All rights reserved.
"""Measure the way from a video file to masks: frames a second, memory.

A generated video (H.264 and AAC) goes through AVSInferencer.stream, a short
one and a long one, each in a process of its own. Weights are random, which
changes neither time nor memory.
"""
import argparse
import json
import os.path as osp
import resource
import subprocess
import sys
import tempfile
import time

ROOT = osp.dirname(osp.dirname(osp.dirname(osp.abspath(__file__))))
RATE = 44100


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument(
        '--config', default=osp.join(ROOT, 'configs/teso/teso_swin-t_v1m.py'),
        help='default: Swin-T, 384 x 384')
    parser.add_argument(
        '--size', type=int, nargs=2, default=[1080, 1920],
        help='height and width of the videos (default: 1080 1920)')
    parser.add_argument(
        '--rate', type=int, default=10,
        help='frames a second of the videos (default: %(default)s)')
    parser.add_argument(
        '--seconds', type=int, nargs='+', default=[10, 600],
        help='their lengths (default: 10 600)')
    parser.add_argument('--measure', metavar='FILE', help=argparse.SUPPRESS)
    parser.add_argument('--weights', help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

from mmteso.apis import AVSInferencer, Clip
from mmteso.tables import format_table
from mmteso.video import write_video


def make_video(path: str, seconds: int, args: argparse.Namespace) -> None:
    """A textured scene that moves, with noise as its sound."""
    rng = np.random.default_rng(0)
    height, width = args.size
    small = rng.integers(0, 255, (height // 8, width // 8, 3), np.uint8)
    scene = small.repeat(8, 0).repeat(8, 1)
    frames = ((i / args.rate, np.roll(scene, 8 * i, 1))
              for i in range(seconds * args.rate))
    sound = (rng.normal(0, .1, RATE).astype(np.float32)
             for _ in range(seconds))
    write_video(path, frames, sound, RATE)


def save_weights(config: str, path: str) -> None:
    """Random weights in a file, which AVSInferencer asks for."""
    cfg = Config.fromfile(config)
    init_default_scope('mmseg')
    state = MODELS.build(cfg.model).state_dict()
    torch.save(dict(state_dict=state, meta=dict(cfg=cfg.pretty_text)), path)


def measure(args: argparse.Namespace) -> dict:
    """Time and memory of one video, in this process."""
    inferencer = AVSInferencer(
        args.config, args.weights,
        text_encoder=dict(type='HashTextEncoder', embed_dims=1024))
    step, seconds = inferencer.model.test_sounds_step, []

    def timed(batches):
        start = time.perf_counter()
        result = step(batches)
        seconds.append(time.perf_counter() - start)
        return result

    inferencer.model.test_sounds_step = timed
    start = time.perf_counter()
    frames = sum(1 for _ in inferencer.stream(args.measure, cues=['dog']))
    whole = time.perf_counter() - start
    start = time.perf_counter()
    clip = Clip(args.measure)
    sound = clip.sound(16000)
    for index, _, _ in clip.steps(1.):
        sound.window(index, .975)
    return {
        'steps': frames,
        'steps a second': round(frames / whole, 2),
        'model, % of the time': round(100 * sum(seconds) / whole, 1),
        'decoding, % of the time': round(
            100 * (time.perf_counter() - start) / whole, 1),
        'peak memory, MB': resource.getrusage(
            resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def main() -> None:
    args = parse_args()
    if args.measure:
        print(json.dumps(measure(args)))
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        weights = osp.join(folder, 'random.pth')
        save_weights(args.config, weights)
        for seconds in args.seconds:
            path = osp.join(folder, f'{seconds}.mp4')
            make_video(path, seconds, args)
            done = subprocess.run(
                [sys.executable, __file__, '--config', args.config,
                 '--measure', path, '--weights', weights],
                check=True, stdout=subprocess.PIPE, text=True)
            rows.append(
                dict({'video, s': seconds},
                     **json.loads(done.stdout.splitlines()[-1])))
    height, width = args.size
    print(f'{osp.basename(args.config)}, {width} x {height} at {args.rate} '
          f'frames a second, {torch.get_num_threads()} threads, torch '
          f'{torch.__version__}\n')
    print(format_table(rows))


if __name__ == '__main__':
    main()
