# Copyright (c) mmteso contributors. All rights reserved.
"""Train and test all rows of the ablation on SynthAVS; print the tables.

Every finished run leaves a small JSON file, and a run whose file is there is
not repeated: an interrupted call is taken up where it stopped. The data sets
and the pretrained visual model are made when they are missing.
"""
import argparse
import os
import os.path as osp
import subprocess
import sys

from mmengine.config import Config

# before mmengine's runner reads a config: see mmteso/ops/stand_in.py
import mmteso  # noqa: F401
from mmteso.apis.ablation_runs import (add_run_arguments, make_runs, open_runs,
                                       parse_run_arguments)
from mmteso.apis.ablation_tables import AUDIO_COLUMNS, format_ablation
from mmteso.apis.ablations import Bench, collect, pretrain
from mmteso.apis.demo_report import references

ROOT = osp.dirname(osp.dirname(osp.abspath(__file__)))
ROWS = 'configs/ablations/rows.yml'
# one after the other
PRETRAINING = ('pretrain', 'pretrain-binary')
DATA = {
    'data/synthavs-hard': (),
    'data/synthavs-hard-no-silent': ('--train-silent', '0'),
    'data/synthavs-hard-pretrain':
    ('--videos', '3900', '--frames', '1', '--seed', '1')
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Train and test the rows of the ablation on SynthAVS '
        '(synthetic, not AVSBench), run by run, and print the tables.')
    add_run_arguments(
        parser,
        ROWS,
        work_dir='work_dirs/ablations/synthavs',
        results='docs/ablations/synthavs',
        seeds=3)
    parser.add_argument(
        '--starts',
        default='work_dirs/ablations/synthavs',
        help='folder of the pretrained weights that all rows start from; '
        'made when they are missing (default: %(default)s)')
    return parse_run_arguments(parser, ROWS)


def prepare_data() -> None:
    """Generate the SynthAVS sets, unless they are there."""
    for folder, options in DATA.items():
        subprocess.run([
            sys.executable, 'tools/prepare_synthavs.py', folder, '--variant',
            'hard', '--reuse', *options
        ],
                       check=True)


def main() -> None:
    # paths in the configs are relative to the repository
    os.chdir(ROOT)
    args = parse_args()
    bench = Bench('configs/ablations/synthavs', args.work_dir, args.results,
                  'tools', args.starts, tuple(args.cfg_options))
    runs = [] if args.table else open_runs(bench, args)
    if runs:
        prepare_data()
        for name in PRETRAINING:
            pretrain(bench, name, os.cpu_count() or 1)
        make_runs(bench, runs, args)
    results = collect(bench, args.rows)
    print(format_ablation(args.rows, results))
    print('\nUnder other sounds:\n')
    print(format_ablation(args.rows, results, AUDIO_COLUMNS))
    test_set = Config.fromfile('configs/ablations/synthavs/full.py')
    if osp.isdir(test_set.data_root):
        print('\nWithout a model:')
        for name, scores in references(test_set).items():
            print(f'  {name}: J {scores["J"]:.1f}, '
                  f'J_part {scores["J_part"]:.1f}')


if __name__ == '__main__':
    main()
