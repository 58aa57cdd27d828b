# Copyright (c) mmteso contributors. All rights reserved.
"""What the data costs: loading frames, and the start on a whole data set.

    python tools/benchmarks/loading.py

Frames: those that one worker loads by the V1M training pipeline in the time
in which a training step of Swin-T eats one, both in one thread of a CPU.
Start: the data set of 11,356 clips, which looks for every file, by a bare
scan of their folders.
"""
import argparse
import os
import os.path as osp
import statistics
import sys
import tempfile
from pathlib import Path

from stock import BATCH, child
from turns import ROOT, Sample, add_options, measure, ratio, record, take_turns

CLIPS = dict(v1s=4932, v1m=424, v2=6000)
SHARES = dict(train=.7, val=.15, test=.15)
FOLDERS = ('frames', 'labels_rgb', 'labels_visible')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_options(parser, baseline=ROOT)
    parser.add_argument(
        '--size', type=int, nargs=2, default=[720, 1280],
        help='height and width of the frames in their files (default: 720 '
        '1280)')
    parser.add_argument(
        '--clips', type=int, default=20,
        help='that are loaded, of 5 frames (default: %(default)s)')
    parser.add_argument(
        '--step-size', type=int, default=384,
        help='height and width of the frames of the step (default: '
        '%(default)s)')
    parser.add_argument(
        '--scale', type=float, default=1.,
        help='share of the 11,356 clips (default: %(default)s)')
    return parser.parse_args()


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds

import pandas as pd
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS

from mmteso.datasets.avsbench_meta import AVSBENCH_CLASSES
from mmteso.io import CueFile
from mmteso.models.text_encoders import HashTextEncoder, write_cue_bank

sys.path.insert(0, osp.join(ROOT, 'tests'))
from data import make_avsbench  # noqa: E402


def dataset_of(name: str, root: str, **settings):
    """The training data set of a config, with another root."""
    cfg = Config.fromfile(osp.join(ROOT, 'configs/teso', name))
    dataset = cfg.train_dataloader.dataset
    dataset.update(data_root=root, **settings)
    return dataset


def write_bank(root: Path) -> None:
    """Features of the classes' names, of the right width."""
    write_cue_bank(str(root / 'cue_bank_imagebind.safetensors'),
                   HashTextEncoder(1024), AVSBENCH_CLASSES[1:])


def whole_tree(root: Path, scale: float) -> int:
    """As many clips as AVSBench-semantic has; all files are links to those of
    one clip of each subset and split. Returns their number."""
    tiny = Path(make_avsbench(root / 'tiny', frame_size=(8, 8)))
    rows, total = pd.read_csv(tiny / 'metadata.csv'), []
    cues = pd.read_json(tiny / 'cues.jsonl', lines=True)
    lines = []
    for row in rows.to_dict('records'):
        source = tiny / row['label'] / row['uid']
        count = round(scale * SHARES[row['split']] * CLIPS[row['label']])
        for number in range(count):
            uid = f'{row["uid"]}_{number}'
            clip = root / row['label'] / uid
            for folder in ('frames', 'labels_rgb'):
                (clip / folder).mkdir(parents=True)
                for file in (source / folder).iterdir():
                    os.link(file, clip / folder / file.name)
            os.link(source / 'audio.wav', clip / 'audio.wav')
            total.append(dict(row, uid=uid))
            lines.append(cues[cues.uid == row['uid']].assign(uid=uid))
    pd.DataFrame(total).to_csv(root / 'metadata.csv', index=False)
    pd.concat(lines).to_json(
        root / 'cues.jsonl', orient='records', lines=True)
    write_bank(root)
    os.link(tiny / 'label2idx.json', root / 'label2idx.json')
    return len(total)


def scan(root: Path) -> None:
    """Look at the folders that the data set looks at, and no more."""
    for subset in CLIPS:
        for clip in os.scandir(root / subset):
            for folder in FOLDERS:
                if osp.isdir(f'{clip.path}/{folder}'):
                    for _ in os.scandir(f'{clip.path}/{folder}'):
                        pass
            os.stat(f'{clip.path}/audio.wav')


def measure_loading(args: argparse.Namespace, root: str) -> None:
    """Frames of a worker by those of a step."""
    make_avsbench(root, ('v1m', ), ('train', ), args.clips, tuple(args.size))
    write_bank(Path(root))
    dataset = DATASETS.build(dataset_of('teso_swin-t_v1m.py', root))

    def load() -> None:
        for start in range(0, len(dataset), BATCH):
            pseudo_collate([dataset[index]
                            for index in range(start, start + BATCH)])

    def step() -> Sample:
        said = child('teso', 'train', 2, args.step_size)
        return Sample(said['wall'] / BATCH, said['cpu'] / BATCH)

    def a_frame() -> Sample:
        return Sample(*(value / len(dataset) for value in measure(load)))

    samples = take_turns({'step, a frame': step, 'loading, a frame': a_frame},
                         args.rounds)
    value = ratio(samples, 'step, a frame', 'loading, a frame')
    height, width = args.size
    record(
        args, samples, name='loading',
        what=f'Frames that one worker loads (V1M training, {width} x {height} '
        'in their files) by those that a training step of Swin-T eats, both '
        'on one thread of a CPU', target='at least 3',
        ratio=value, met=value >= 3, notes={
            'frames a second of one worker': round(1 / statistics.median(
                run.cpu for run in samples['loading, a frame']), 1),
            'on a GPU': 'a step eats more; not measured'
        })


def measure_start(args: argparse.Namespace, root: str) -> None:
    """The data set of all clips, with its check for files."""
    count = whole_tree(Path(root), args.scale)
    config = dataset_of('teso_swin-t_avss.py', root, split=None)
    start = f'data set of {count} clips'
    samples = take_turns({
        start: lambda: measure(lambda: DATASETS.build(config)),
        'its cue file alone': lambda: measure(
            lambda: CueFile(f'{root}/cues.jsonl', cues_only=True)),
        'bare scan': lambda: measure(lambda: scan(Path(root)))
    }, args.rounds)
    seconds = statistics.median(run.cpu for run in samples[start])
    record(
        args, samples, name='start',
        what=f'Building the data set of all {count:,} clips, which reads '
        'metadata and cues and looks for every file, by a bare scan of their '
        'folders',
        target='at most 1.5 s', ratio=ratio(samples, start, 'bare scan'),
        met=seconds <= 1.5,
        notes={'processor seconds, files in the cache': round(seconds, 3)})


def main() -> None:
    args = parse_args()
    torch.set_num_threads(1)
    MMLogger.get_current_instance().setLevel('ERROR')
    init_default_scope('mmseg')
    for part in (measure_start, measure_loading):
        with tempfile.TemporaryDirectory() as folder:
            part(args, folder)


if __name__ == '__main__':
    main()
