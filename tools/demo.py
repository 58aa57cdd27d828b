# Copyright (c) mmteso contributors. All rights reserved.
"""Train TeSO on a testbed, test it with and without its sound, and report.

The testbed is SynthAVS, or with ``--data cutouts`` real pictures and sounds,
which are downloaded (224 MB), and for which a visual start is trained first.

Writes to --out:

- ``report.json``: every number with its condition, seconds, seed, versions;
- ``overlays.png``: frames x {ground truth, each sound};
- ``train/``: checkpoints and logs of ``tools/train.py``.

A further run in the same folder replaces these.
"""
import argparse
import os
import os.path as osp
import shutil
import time

from mmteso.choices import AUDIO_CONDITIONS

MARKER = 'made-by-demo.txt'
ROOT = osp.dirname(osp.dirname(osp.abspath(__file__)))
WHAT = dict(
    cue='TeSO with the cue loss, which is ours and not the paper\'s',
    paper='TeSO as in the paper, without our cue loss',
    plus='TeSO with cue loss, sound negatives, linear text, masks by class '
    'and fusion, which are ours')
TITLES = dict(synthavs='SynthAVS', cutouts='Cutouts')


def config_of(variant: str, data: str) -> str:
    """The config, relative to the repository."""
    name = 'teso' if variant == 'paper' else f'teso-{variant}'
    backbone = dict(synthavs='r18', cutouts='efficientnet-lite0')[data]
    return f'configs/teso/{name}_{backbone}_{data}.py'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Train TeSO on a testbed (not AVSBench), test it under '
        'normal, muted, noise and off-screen audio, and report.')
    parser.add_argument(
        '--data',
        choices=list(TITLES),
        default='synthavs',
        help='synthavs: drawn shapes, nothing is downloaded; cutouts: real '
        'pictures and sounds (default: synthavs)')
    parser.add_argument(
        '--variant',
        choices=list(WHAT),
        help='cue: with our cue loss; paper: without it; plus: with sound '
        'negatives, too (default: cue on synthavs, plus on cutouts)')
    parser.add_argument(
        '--seed', type=int, default=0, help='of the training (default: 0)')
    parser.add_argument(
        '--out',
        default='work_dirs/demo',
        help='folder for the results (default: work_dirs/demo)')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        default=[],
        metavar='KEY=VALUE',
        help='further settings of the training, as of tools/train.py')
    args = parser.parse_args()
    args.variant = args.variant or dict(
        synthavs='cue', cutouts='plus')[args.data]
    return args


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds

from mmengine.config import Config
from mmengine.utils import mkdir_or_exist

from mmteso.analysis.ablation import best_checkpoint, run_tool
from mmteso.analysis.demo import format_report, make_report
from mmteso.analysis.frames import (choose_frames, mask_rows, masks_only,
                                    references)
from mmteso.apis import evaluate_audio_conditions, init_model
from mmteso.io import write_json
from mmteso.visualization import draw_picture_grid


def claim_folder(folder: str) -> None:
    """Make an empty folder; remove one that an earlier demo made."""
    marker = osp.join(folder, MARKER)
    if osp.exists(folder):
        if not osp.isfile(marker):
            raise SystemExit(
                f'{folder} is there already and was not made by this tool: '
                'give another folder (--out, or OUT= with make)')
        shutil.rmtree(folder)
    mkdir_or_exist(folder)
    with open(marker, 'w', encoding='utf-8') as file:
        file.write('Made by tools/demo.py, which may remove this folder.\n')


def main() -> None:
    args = parse_args()
    out = osp.abspath(args.out)
    train_dir = osp.join(out, 'train')
    claim_folder(train_dir)
    # paths in the config are relative to the repository
    os.chdir(ROOT)
    config, what = config_of(args.variant, args.data), WHAT[args.variant]
    title = TITLES[args.data]
    print(
        f'{title}. {what} (--variant {args.variant}), seed {args.seed}',
        flush=True)
    if args.data == 'cutouts':
        run_tool('tools/run_ablations.py', '--bench', 'cutouts', '--prepare')
    else:
        run_tool('tools/dataset_converters/prepare_synthavs.py',
                 Config.fromfile(config).data_root, '--reuse')
    train_seconds = run_tool('tools/train.py', config, '--work-dir', train_dir,
                             '--cfg-options', f'randomness.seed={args.seed}',
                             *args.cfg_options)

    # with the options
    cfg = Config.fromfile(osp.join(train_dir, osp.basename(config)))
    cfg.work_dir = osp.join(out, 'test')
    checkpoint = best_checkpoint(train_dir)
    start = time.perf_counter()
    audio_report = evaluate_audio_conditions(cfg, checkpoint,
                                             AUDIO_CONDITIONS)
    test_seconds = time.perf_counter() - start
    report = make_report(
        audio_report,
        references(cfg),
        seconds=dict(train=train_seconds, test=test_seconds),
        iterations=cfg.train_cfg.max_iters,
        seed=args.seed,
        variant=args.variant,
        what=what,
        config=config,
        checkpoint=osp.relpath(checkpoint, out),
        data=f'{title}, test: a testbed, not AVSBench')
    write_json(report, osp.join(out, 'report.json'))
    rows = mask_rows({'model': init_model(cfg, checkpoint)},
                     choose_frames(masks_only(cfg), 10), AUDIO_CONDITIONS)
    draw_picture_grid(
        rows,
        osp.join(out, 'overlays.png'),
        title=f'{title}, test videos: {what}')

    print(f'\n{title}, test, percent. {what}.')
    print(format_report(report))
    print(f'Listening score (ours): {report["listening_score"]:.2f}')
    for line in report['protocol']:
        print(line)
    print(f'{report["iterations"]} iterations in {train_seconds:.0f} s, seed '
          f'{args.seed}; tested in {test_seconds:.0f} s')
    for name in ('report.json', 'overlays.png'):
        print(osp.join(args.out, name))


if __name__ == '__main__':
    main()
