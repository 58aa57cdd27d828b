# Copyright (c) mmteso contributors. All rights reserved.
"""Measure what cue generation costs besides its models.

Frames are listed, read, handed to a captioner and a reasoner that answer at
once, parsed, and written to a cue file as safely as in a real run. Models
that take longer than this per frame are then the only cost.
"""
import argparse
import itertools
import os
import os.path as osp
import platform
import sys
import tempfile
import time
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np
import PIL
import torch
from PIL import Image, features
from prettytable import PrettyTable

import mmteso  # noqa: F401, registers the data sets
from mmteso.io import CueFile, CueWriter, read_image
from mmteso.text_cues import (CAPTIONERS, FRAME_SOURCES, REASONERS,
                              CueGenerator, Frame, ModelUnavailableError)
from mmteso.text_cues.captioners import BaseCaptioner
from mmteso.text_cues.loading import iter_batches
from mmteso.text_cues.prompt import load_prompt
from mmteso.text_cues.reasoners import PromptedReasoner

PROMPT = 'few_shot_cot'
_FILES = 40  # of one size; reading them again costs as much
_LENGTH = 10  # frames of a clip


@CAPTIONERS.register_module(force=True)
class InstantCaptioner(BaseCaptioner):
    """Touches its images and answers at once, with the prompt's examples.

    Args:
        reads (str, optional): 'frame', or None for no image. Defaults to
            'frame'.
    """

    name = 'instant'

    def __init__(self, reads: Optional[str] = 'frame') -> None:
        self.reads = reads
        self._captions = itertools.cycle(
            example.caption for example in load_prompt(PROMPT).demonstrations)

    def caption(self, frames):
        for loaded in frames:
            for image in loaded.images:
                # decoded, down to the last pixel
                image.getpixel((image.width - 1, image.height - 1))
            if len(loaded.images) != (self.reads == 'frame'):
                raise RuntimeError(f'{loaded.frame.key} came with '
                                   f'{len(loaded.images)} images')
        return list(itertools.islice(self._captions, len(frames)))


@REASONERS.register_module(force=True)
class InstantReasoner(PromptedReasoner):
    """Answers at once what the prompt's examples answer, to be parsed."""

    name = 'instant'

    def __init__(self) -> None:
        super().__init__(PROMPT)
        self._answers = itertools.cycle(
            example.answer for example in self.prompt.demonstrations)

    def chat(self, conversations):
        return list(itertools.islice(self._answers, len(conversations)))


class BenchmarkError(RuntimeError):
    """A run whose time says nothing."""


class Source(NamedTuple):
    """Frames to measure with: what the table says of them, and they."""
    name: str
    reads: Optional[str]
    frames: List[Frame]


class Result(NamedTuple):
    """Seconds of a run: by the clock, of all threads, and by part.

    Parts are measured by the clock, too, and may overlap.
    """
    total: float
    cpu: float
    caption: float
    reason: float
    write: float


def parse_args(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n')[0],
        epilog='--base-url takes any OpenAI-compatible server; what it needs '
        'for an answer counts, so take one that answers at once. That of the '
        'tests prints its address: python tests/chat_server.py')
    parser.add_argument(
        '--data-root',
        default='data/synthavs',
        help='SynthAVS, as tools/prepare_synthavs.py writes it (default: '
        '%(default)s); "" leaves it out')
    parser.add_argument(
        '--sizes',
        nargs='*',
        type=parse_size,
        default=[(224, 224), (1280, 720)],
        metavar='WxH',
        help='sizes of JPEG files to measure with, which are generated '
        '(default: 224x224 1280x720)')
    parser.add_argument(
        '--frames',
        type=int,
        default=2000,
        help='frames of a run (default: %(default)s)')
    parser.add_argument(
        '--batch-size',
        type=int,
        default=8,
        help='frames of a batch (default: %(default)s)')
    parser.add_argument(
        '--num-workers',
        type=int,
        default=2,
        help='threads that read images (default: %(default)s)')
    parser.add_argument(
        '--repeat',
        type=int,
        default=3,
        help='runs of each kind, of which the fastest counts: others use the '
        'machine, too (default: %(default)s)')
    parser.add_argument(
        '--base-url', help='also measure OpenAIReasoner with this server')
    parser.add_argument(
        '--model',
        default='tiny-chat',
        help="the server's model (default: %(default)s)")
    parser.add_argument(
        '--work-dir',
        default='work_dirs',
        help='where to write, in a folder that is removed: it has to be on '
        'the disk that is meant (default: %(default)s)')
    parser.add_argument(
        '--require',
        type=float,
        metavar='RATE',
        help='fail if a run is slower than so many frames a second')
    args = parser.parse_args(argv)
    for name in ('frames', 'batch_size', 'num_workers', 'repeat'):
        if getattr(args, name) < 1:
            parser.error(f'--{name.replace("_", "-")} must be at least 1')
    if args.data_root and not osp.isfile(
            osp.join(args.data_root, 'metadata.csv')):
        parser.error(f'there is no SynthAVS in "{args.data_root}". Write it '
                     f'with `python tools/prepare_synthavs.py '
                     f'{args.data_root}`, or leave it out with '
                     "--data-root ''")
    return args


def parse_size(text: str) -> Tuple[int, int]:
    """'WxH' as numbers."""
    try:
        width, height = map(int, text.lower().split('x'))
    except ValueError:
        width = height = 0
    if width < 1 or height < 1:
        raise argparse.ArgumentTypeError(
            f'{text!r} is no size: expected WxH, e.g. 1280x720')
    return width, height


def write_jpegs(folder: str, width: int, height: int) -> List[str]:
    """Smooth blobs with some grain, so that decoding has something to do."""
    os.makedirs(folder)
    random = np.random.default_rng(0)
    paths = []
    for i in range(_FILES):
        blobs = random.integers(0, 256, (9, 16, 3), dtype=np.uint8)
        image = np.asarray(
            Image.fromarray(blobs).resize((width, height), Image.BICUBIC),
            dtype=np.int16)
        image = image + random.integers(-3, 4, (height, width, 1))
        paths.append(osp.join(folder, f'{i}.jpg'))
        Image.fromarray(np.clip(image, 0, 255).astype(np.uint8)).save(
            paths[-1], quality=90)
    return paths


def as_frames(paths: List[str], number: int) -> List[Frame]:
    """Frames that show the files again and again."""
    return [
        Frame(f'clip{i // _LENGTH}', i % _LENGTH, path)
        for i, path in zip(range(number), itertools.cycle(paths))
    ]


def make_sources(args: argparse.Namespace, folder: str) -> Iterator[Source]:
    """What to measure with, and seconds to list it."""
    yield Source('none', None, as_frames([''], args.frames))
    if args.data_root:
        start = time.perf_counter()
        frames = FRAME_SOURCES.build(
            dict(
                type='DatasetFrames',
                dataset=dict(
                    type='AVSBenchDataset',
                    data_root=args.data_root,
                    metainfo=dict(classes='label2idx.json'),
                    subsets='v2',
                    split=None,
                    with_masks=False))).list_frames()
        print(f'SynthAVS: {len(frames)} frames listed in '
              f'{time.perf_counter() - start:.2f} s')
        height, width = read_image(frames[0].img_path).shape[:2]
        size = f'{width}x{height}'
        yield Source(f'SynthAVS {size}', 'frame', frames[:args.frames])
    for width, height in args.sizes:
        name = f'{width}x{height}'
        paths = write_jpegs(osp.join(folder, name), width, height)
        size = sum(map(osp.getsize, paths)) / len(paths) / 1000
        yield Source(f'JPEG {name}, {size:.0f} kB', 'frame',
                     as_frames(paths, args.frames))


def reading_rate(source: Source, args: argparse.Namespace) -> float:
    """Frames a second when nothing is done but reading."""
    start = time.perf_counter()
    for batch in iter_batches(source.frames, source.reads, args.batch_size,
                              args.num_workers):
        if batch.broken:
            raise BenchmarkError(batch.broken[0][1])
    return len(source.frames) / (time.perf_counter() - start)


def timed(function: Callable, seconds: Dict[str, float]) -> Callable:
    """The function; adds up the time that it takes."""
    name = function.__name__
    seconds[name] = 0.

    def call(*args, **kwargs):
        start = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            seconds[name] += time.perf_counter() - start

    return call


def measure(source: Source, reasoner, overlap: bool, path: str,
            args: argparse.Namespace) -> Result:
    """Generate the cues of a source's frames."""
    captioner = CAPTIONERS.build(
        dict(type='InstantCaptioner', reads=source.reads))
    seconds: Dict[str, float] = {}
    captioner.caption = timed(captioner.caption, seconds)
    reason = reasoner.reason
    reasoner.reason = timed(reason, seconds)
    try:
        generator = CueGenerator(
            captioner,
            reasoner,
            args.batch_size,
            args.num_workers,
            overlap=overlap)
        with CueWriter(path) as writer:
            writer.write = timed(writer.write, seconds)
            cpu, start = time.process_time(), time.perf_counter()
            progress = generator.run(source.frames, writer)
            total = time.perf_counter() - start
            cpu = time.process_time() - cpu
    finally:
        reasoner.reason = reason
    written = CueFile(path)
    if progress.failed or len(written) != len(source.frames):
        failed = [r.error for r in written.values() if r.error]
        raise BenchmarkError(
            f'{len(written)} of {len(source.frames)} frames were written, '
            f'{progress.failed} failed: {failed[:1]}')
    if not any(record.cues for record in written.values()):
        raise BenchmarkError('not a single cue was found')
    os.remove(path)
    return Result(total, cpu, **seconds)


def sync_seconds(folder: str, number: int = 50) -> float:
    """What it takes to have 1 kB safe on the disk."""
    path = osp.join(folder, 'sync')
    with open(path, 'wb') as file:
        start = time.perf_counter()
        for _ in range(number):
            file.write(bytes(1000))
            file.flush()
            os.fsync(file.fileno())
        seconds = time.perf_counter() - start
    os.remove(path)
    return seconds / number


def machine(folder: str) -> str:
    """What the numbers depend on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(
        os, 'sched_getaffinity') else os.cpu_count()
    return (f'{platform.system()} {platform.machine()}, {cores} cores, Python '
            f'{platform.python_version()}, torch {torch.__version__} with '
            f'{torch.get_num_threads()} threads, Pillow {PIL.__version__} '
            f'(libjpeg-turbo {features.version("libjpeg_turbo")}), fsync of '
            f'1 kB {1000 * sync_seconds(folder):.2f} ms')


def run(args: argparse.Namespace) -> float:
    """Measure everything and print it; returns the lowest rate."""
    # name, reasoner, whether captioning and reasoning overlap
    runs = [('in process', REASONERS.build(dict(type='InstantReasoner')),
             False)]
    if args.base_url:
        server = REASONERS.build(
            dict(
                type='OpenAIReasoner',
                base_url=args.base_url,
                model=args.model,
                prompt=PROMPT))
        runs += [('server', server, False), ('server', server, True)]
    os.makedirs(args.work_dir, exist_ok=True)
    table = PrettyTable([
        'images', 'reading alone', 'reasoner', 'overlap', 'frames/s',
        'ms/frame', 'CPU', 'caption', 'reason', 'write'
    ])
    table.align = 'r'
    table.align['images'] = table.align['reasoner'] = 'l'
    rates = []
    with tempfile.TemporaryDirectory(dir=args.work_dir) as folder:
        print(machine(folder))
        for source in make_sources(args, folder):
            number = len(source.frames)
            alone = '-'
            if source.reads is not None:
                rate = max(
                    reading_rate(source, args) for _ in range(args.repeat))
                alone = f'{rate:.0f}/s'
            for name, reasoner, overlap in runs:
                result = min(
                    measure(source, reasoner, overlap,
                            osp.join(folder, 'cues.jsonl'), args)
                    for _ in range(args.repeat))
                rates.append(number / result.total)
                table.add_row([
                    source.name, alone, name, 'yes' if overlap else 'no',
                    f'{rates[-1]:.0f}',
                    *(f'{1000 * part / number:.2f}' for part in result)
                ])
    print(f'{args.frames} frames at most, batches of {args.batch_size}, '
          f'{args.num_workers} reading threads, fsync after each batch; the '
          f'fastest of {args.repeat} runs.\nms/frame: by the clock; CPU: of '
          'all threads of this process (on a busy machine the two differ); '
          'caption, reason and write: parts, by the clock')
    print(table)
    if not args.base_url:
        print('Without --base-url OpenAIReasoner is left out: start a server '
              'that answers at once, e.g. `python tests/chat_server.py`, and '
              'give its address.')
    return min(rates)


def main(argv=None) -> None:
    args = parse_args(argv)
    try:
        rate = run(args)
    except (BenchmarkError, ModelUnavailableError) as error:
        sys.exit(f'{type(error).__name__}: {error}')
    if args.require is not None and rate < args.require:
        sys.exit(f'The slowest run makes {rate:.0f} frames a second, which is '
                 f'less than {args.require:g}.')


if __name__ == '__main__':
    main()
