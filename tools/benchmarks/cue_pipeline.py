# Copyright (c) mmteso contributors. All rights reserved.
"""What cue generation costs besides its models.

The whole pipeline with models that answer at once: frames read and decoded,
prompts built, answers read, each batch flushed to the disk. The server is one
that answers at once, too, e.g. that of the tests: python tests/chat_server.py
prints its address.
"""
import argparse
import os
import tempfile
import time
from typing import Dict, List


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--base-url', help='server; default: left out')
    parser.add_argument('--model', default='tiny-chat', help='its model')
    parser.add_argument('--frames', type=int, default=2000)
    parser.add_argument('--batch-size', type=int, default=8)
    parser.add_argument('--repeat', type=int, default=3, help='best of')
    parser.add_argument(
        '--data-root', help='SynthAVS, as prepare_synthavs.py writes it')
    parser.add_argument(
        '--sizes',
        nargs='*',
        default=['224x224', '1280x720'],
        metavar='WxH',
        help='sizes of JPEG files to try')
    return parser.parse_args()


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds

import numpy as np
from PIL import Image

from mmteso.io import CueFile
from mmteso.tables import format_table
from mmteso.text_cues import (REASONERS, BaseCaptioner, CueGenerator,
                              DatasetFrames, FolderFrames, Frame)
from mmteso.text_cues.reasoners import PromptedReasoner

CAPTION = 'A man plays the guitar on a stage, and a dog lies at his feet. '


class InstantCaptioner(BaseCaptioner):
    """Says the same of each image."""

    name = 'instant'

    def __init__(self, reads) -> None:
        self.reads = reads

    def caption(self, frames):
        """See :meth:`BaseCaptioner.caption`."""
        return [f'{CAPTION}{frame.frame}' for frame, _ in frames]


class InstantReasoner(PromptedReasoner):
    """Gives the same answers."""

    name = 'instant'

    def chat(self, conversations, schema=None):
        """See :meth:`PromptedReasoner.chat`."""
        answer = 'Objects: man, guitar, dog.\nAnswer: guitar, man'
        if schema is not None:
            answer = '{"sounding_objects": ["guitar", "man"]}'
        return [answer] * len(conversations)


def sources(args: argparse.Namespace, folder: str) -> Dict[str, List[Frame]]:
    """Frames by what they are read from."""
    found = {'none': [Frame('clip', i, '') for i in range(args.frames)]}
    if args.data_root:
        frames = DatasetFrames(
            dict(
                type='AVSBenchDataset',
                data_root=args.data_root,
                subsets='v2',
                metainfo=dict(classes='label2idx.json'),
                split=None,
                with_masks=False)).list_frames()
        found['SynthAVS'] = frames[:args.frames]
    for size in args.sizes:
        width, height = map(int, size.split('x'))
        rng = np.random.default_rng(0)
        noise = Image.fromarray(
            rng.integers(0, 256, (height // 8, width // 8, 3), np.uint8))
        root = os.path.join(folder, size)
        os.makedirs(root)
        for i in range(args.frames):
            noise.resize((width, height)).save(f'{root}/{i}.jpg')
        found[f'JPEG, {size}'] = FolderFrames(root).list_frames()
    return found


def measure(args: argparse.Namespace, frames: List[Frame], reasoner,
            overlap: bool, folder: str) -> float:
    """Frames a second, the best of several runs."""
    seconds = []
    for _ in range(args.repeat):
        path = os.path.join(folder, f'{time.time_ns()}.jsonl')
        generator = CueGenerator(
            InstantCaptioner('frame' if frames[0].img_path else None),
            reasoner,
            batch_size=args.batch_size,
            overlap=overlap)
        start = time.perf_counter()
        generator.run(frames, path)
        seconds.append(time.perf_counter() - start)
        records = CueFile(path)
        if records.num_failed or len(records) < len(frames):
            raise SystemExit(f'{records.num_failed} frames failed: this says '
                             f'nothing. {next(iter(records.values())).error}')
    return len(frames) / min(seconds)


def main() -> None:
    args = parse_args()
    runs = {'in the process': (InstantReasoner(), False)}
    if args.base_url:
        server = REASONERS.build(
            dict(
                type='OpenAIReasoner',
                base_url=args.base_url,
                model=args.model))
        runs.update({'server': (server, False), 'overlap': (server, True)})
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, frames in sources(args, folder).items():
            rows.append({'images': name} | {
                title: f'{measure(args, frames, *run, folder):.0f} frames/s'
                for title, run in runs.items()
            })
    print(format_table(rows))


if __name__ == '__main__':
    main()
