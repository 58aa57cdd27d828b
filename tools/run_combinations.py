# Copyright (c) mmteso contributors. All rights reserved.
"""Train and test all combinations on SynthAVS; print the table.

Other decode heads and backbones of mmseg with sound and text, beside TeSO.
Every finished run leaves a small JSON file, and a run whose file is there is
not repeated. The data set is made when it is missing.
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
from mmteso.apis.ablation_tables import COMBINATION_COLUMNS, format_ablation
from mmteso.apis.ablations import Bench, collect
from mmteso.apis.demo_report import references

ROOT = osp.dirname(osp.dirname(osp.abspath(__file__)))
ROWS = 'configs/combinations/rows.yml'
DATA = 'data/synthavs'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Train and test the combinations on SynthAVS (synthetic, '
        'not AVSBench), run by run, and print the table.')
    add_run_arguments(
        parser,
        ROWS,
        work_dir='work_dirs/combinations',
        results='docs/combinations',
        seeds=1)
    return parse_run_arguments(parser, ROWS)


def main() -> None:
    # paths in the configs are relative to the repository
    os.chdir(ROOT)
    args = parse_args()
    bench = Bench(
        'configs/combinations',
        args.work_dir,
        args.results,
        'tools',
        starts='',  # all of them begin with random weights
        options=tuple(args.cfg_options))
    runs = [] if args.table else open_runs(bench, args)
    if runs:
        subprocess.run(
            [sys.executable, 'tools/prepare_synthavs.py', DATA, '--reuse'],
            check=True)
        make_runs(bench, runs, args)
    print(
        format_ablation(args.rows, collect(bench, args.rows),
                        COMBINATION_COLUMNS))
    if osp.isdir(DATA):
        print('\nWithout a model:')
        test_set = Config.fromfile(bench.config_path(args.rows[0]))
        for name, scores in references(test_set).items():
            print(f'  {name}: J {scores["J"]:.1f}, '
                  f'J_part {scores["J_part"]:.1f}')


if __name__ == '__main__':
    main()
