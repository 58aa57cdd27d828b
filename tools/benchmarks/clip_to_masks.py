# Copyright (c) mmteso contributors. All rights reserved.
"""From a video file to masks on disk: what comes on top of the model.

    python tools/benchmarks/clip_to_masks.py

Decoding, resizing, sound, and writing masks, by the time of the model, for a
video as tools/benchmarks/inference.py makes it: Swin-T, 384 x 384, random
weights, one thread, one step a second.
"""
import argparse
import os.path as osp
import tempfile
from typing import Dict

from turns import ROOT, Sample, add_options, measure, ratio, record, take_turns


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_options(parser, baseline=ROOT)
    parser.add_argument(
        '--config', default=osp.join(ROOT, 'configs/teso/teso_swin-t_v1m.py'),
        help='default: Swin-T, 384 x 384')
    parser.add_argument(
        '--size', type=int, nargs=2, default=[1080, 1920],
        help='height and width of the video (default: 1080 1920)')
    parser.add_argument(
        '--rate', type=int, default=10,
        help='frames a second of the video (default: %(default)s)')
    parser.add_argument(
        '--seconds', type=int, default=10,
        help='its length (default: %(default)s)')
    return parser.parse_args()


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds

import torch
from inference import make_video, save_weights

from mmteso.apis import AVSInferencer


def main() -> None:
    args = parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        weights, video = (osp.join(folder, name)
                          for name in ('random.pth', 'clip.mp4'))
        save_weights(args.config, weights)
        make_video(video, args.seconds, args)
        inferencer = AVSInferencer(
            args.config, weights, device='cpu',
            text_encoder=dict(type='HashTextEncoder', embed_dims=1024))
        step, parts = inferencer.model.test_sounds_step, []
        last: Dict[str, Sample] = {}

        def timed(batches):
            results = []
            parts.append(measure(lambda: results.append(step(batches))))
            return results[0]

        def run() -> Sample:
            """The model's part; the other one is kept for its turn."""
            parts.clear()
            whole = measure(lambda: inferencer.write(
                video, osp.join(folder, 'out'), save=['masks'],
                cues=['dog']))
            model = Sample(*map(sum, zip(*parts)))
            last['rest'] = Sample(whole.wall - model.wall,
                                  whole.cpu - model.cpu)
            return model

        inferencer.model.test_sounds_step = timed
        samples = take_turns(
            {'model': run, 'all else': lambda: last['rest']}, args.rounds)
    value = ratio(samples, 'all else', 'model')
    height, width = args.size
    record(
        args, samples, name='clip_to_masks',
        what=f'From a video of {width} x {height} at {args.rate} frames a '
        'second to masks on disk: all but the model by the model, '
        f'{osp.splitext(osp.basename(args.config))[0]}, one thread',
        target='at most 0.15', ratio=value, met=value <= .15,
        packages=['av'])


if __name__ == '__main__':
    main()
