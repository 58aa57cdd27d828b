# Copyright (c) mmteso contributors. All rights reserved.
"""Train TeSO on SynthAVS, test it with and without its sound, and report.

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
import subprocess
import sys
import time
from glob import glob

from mmengine.config import Config
from mmengine.utils import mkdir_or_exist

# before mmengine's runner reads a config: see mmteso/ops/stand_in.py
import mmteso  # noqa: F401
from mmteso.apis import (draw_conditions, format_table, make_report,
                         references, write_report)
from mmteso.engine import AUDIO_CONDITIONS, evaluate_audio_conditions

MARKER = 'made-by-demo.txt'
ROOT = osp.dirname(osp.dirname(osp.abspath(__file__)))
CONFIGS = dict(
    cue='configs/teso/teso-cue_r18_synthavs.py',
    paper='configs/teso/teso_r18_synthavs.py')
WHAT = dict(
    cue='TeSO with the cue loss, which is ours and not the paper\'s',
    paper='TeSO as in the paper, without our cue loss')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Train TeSO on SynthAVS (a synthetic test bed, not '
        'AVSBench), test it under normal, muted and noise audio, and report.')
    parser.add_argument(
        '--variant',
        choices=list(CONFIGS),
        default='cue',
        help='cue: with our cue loss; paper: without it (default: cue)')
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
    return parser.parse_args()


def run_tool(name: str, *args: str) -> float:
    """Run one of our command line tools; how many seconds it took."""
    start = time.perf_counter()
    subprocess.run([sys.executable, osp.join(ROOT, 'tools', name), *args],
                   cwd=ROOT,
                   check=True)
    return time.perf_counter() - start


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


def best_checkpoint(folder: str) -> str:
    """The checkpoint with the best J on the validation videos."""
    found = glob(osp.join(folder, 'best_J_*.pth'))
    if len(found) != 1:
        raise FileNotFoundError(
            f'expected one best_J_*.pth in {folder}, but found {found}')
    return found[0]


def main() -> None:
    args = parse_args()
    out = osp.abspath(args.out)
    train_dir = osp.join(out, 'train')
    claim_folder(train_dir)
    cfg = Config.fromfile(osp.join(ROOT, CONFIGS[args.variant]))
    print(f'{WHAT[args.variant]} (--variant {args.variant}), seed {args.seed}')

    data_root = osp.join(ROOT, cfg.data_root)
    run_tool('prepare_synthavs.py', data_root, '--reuse')
    train_seconds = run_tool('train.py', CONFIGS[args.variant], '--work-dir',
                             train_dir, '--cfg-options',
                             f'randomness.seed={args.seed}', *args.cfg_options)

    # paths in the config are relative to the repository
    os.chdir(ROOT)
    cfg = Config.fromfile(
        osp.join(train_dir, osp.basename(CONFIGS[args.variant])))
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
        what=WHAT[args.variant],
        config=CONFIGS[args.variant],
        checkpoint=osp.relpath(checkpoint, out),
        data='SynthAVS test split: synthetic, not AVSBench')
    write_report(report, osp.join(out, 'report.json'))
    draw_conditions(
        cfg,
        checkpoint,
        AUDIO_CONDITIONS,
        osp.join(out, 'overlays.png'),
        title=f'SynthAVS, test videos: {WHAT[args.variant]}')

    print(f'\n{WHAT[args.variant]}. SynthAVS test split, percent.')
    print(format_table(report))
    print(f'Listening score (ours): {report["listening_score"]:.2f}')
    for line in report['protocol']:
        print(line)
    print(f'{report["iterations"]} iterations in {train_seconds:.0f} s, seed '
          f'{args.seed}; tested in {test_seconds:.0f} s')
    for name in ('report.json', 'overlays.png'):
        print(osp.join(args.out, name))


if __name__ == '__main__':
    main()
