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
from concurrent.futures import ThreadPoolExecutor, as_completed

from mmengine.config import Config
from tqdm import tqdm

# before mmengine's runner reads a config: see mmteso/ops/stand_in.py
import mmteso  # noqa: F401
from mmteso.apis.ablation_tables import AUDIO_COLUMNS, format_ablation
from mmteso.apis.ablations import Bench, collect, pretrain, read_rows, run_row
from mmteso.apis.demo_report import references

ROOT = osp.dirname(osp.dirname(osp.abspath(__file__)))
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
    parser.add_argument(
        '--rows',
        nargs='+',
        metavar='ROW',
        help='rows of configs/ablations/rows.yml; default: all of them')
    parser.add_argument(
        '--seeds',
        type=int,
        default=3,
        help='seeds of each row: 0, 1, ... (default: 3)')
    parser.add_argument(
        '--jobs',
        type=int,
        default=1,
        help='runs at the same time, which share the CPU cores (default: 1)')
    parser.add_argument(
        '--threads',
        type=int,
        help='threads of a run; default: the cores divided by --jobs. '
        'Another number rounds differently, which moves a result about as '
        'far as another seed')
    parser.add_argument(
        '--work-dir',
        default='work_dirs/ablations/synthavs',
        help='folder for checkpoints and logs (default: %(default)s)')
    parser.add_argument(
        '--starts',
        default='work_dirs/ablations/synthavs',
        help='folder of the pretrained weights that all rows start from; '
        'made when they are missing (default: %(default)s)')
    parser.add_argument(
        '--results',
        default='docs/ablations/synthavs',
        help='folder for the results (default: %(default)s)')
    parser.add_argument(
        '--retest',
        action='store_true',
        help='test the models of finished runs again, train nothing: for '
        'when the tests have changed')
    parser.add_argument(
        '--table',
        action='store_true',
        help='print the tables of the results that are there, run nothing')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        default=[],
        metavar='KEY=VALUE',
        help='further settings of all rows, as of tools/train.py, not of '
        'their common start; keep what comes of it apart (--work-dir, '
        '--results)')
    args = parser.parse_args()
    if args.seeds < 1 or args.jobs < 1:
        parser.error('--seeds and --jobs must be at least 1')
    try:
        args.rows = read_rows('configs/ablations/rows.yml', args.rows)
    except ValueError as error:
        parser.error(str(error))
    return args


def prepare_data() -> None:
    """Generate the two SynthAVS sets, unless they are there."""
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
    if not args.table:
        threads = args.threads or max(1, (os.cpu_count() or 1) // args.jobs)
        # seed by seed, so that a part of the table covers all rows
        runs = [(row, seed) for seed in range(args.seeds) for row in args.rows
                if args.retest or not bench.is_done(row, seed)]
        if runs:
            prepare_data()
            for name in PRETRAINING:
                pretrain(bench, name, os.cpu_count() or 1)
        with ThreadPoolExecutor(args.jobs) as pool:
            futures = {
                pool.submit(run_row, bench, row, seed, threads, args.retest):
                (row, seed)
                for row, seed in runs
            }
            try:
                for future in tqdm(
                        as_completed(futures), total=len(runs), unit='run'):
                    row, seed = futures[future]
                    result = future.result()
                    tqdm.write(f'{row.name}, seed {seed}: J '
                               f'{result["conditions"]["normal"]["J"]:.2f}, '
                               f'{sum(result["seconds"].values()):.0f} s')
            except BaseException:
                # let the runs in progress end; begin no other one
                pool.shutdown(cancel_futures=True)
                raise
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
