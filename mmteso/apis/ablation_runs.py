# Copyright (c) mmteso contributors. All rights reserved.
"""What the tools that fill a table of trained rows share."""
import argparse
import os
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import List, Sequence, Tuple

from tqdm import tqdm

from .ablations import Bench, Row, read_rows, run_row


def add_run_arguments(parser: argparse.ArgumentParser, rows: str,
                      work_dir: str, results: str, seeds: int) -> None:
    """Add the options of such a tool.

    Args:
        parser (argparse.ArgumentParser): Its parser.
        rows (str): The YAML file with its rows.
        work_dir (str): Default of ``--work-dir``.
        results (str): Default of ``--results``.
        seeds (int): Default of ``--seeds``.
    """
    parser.add_argument(
        '--rows',
        nargs='+',
        metavar='ROW',
        help=f'rows of {rows}; default: all of them')
    parser.add_argument(
        '--seeds',
        type=int,
        default=seeds,
        help='seeds of each row: 0, 1, ... (default: %(default)s)')
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
        default=work_dir,
        help='folder for checkpoints and logs (default: %(default)s)')
    parser.add_argument(
        '--results',
        default=results,
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
        'what they start from; keep what comes of it apart (--work-dir, '
        '--results)')


def parse_run_arguments(parser: argparse.ArgumentParser,
                        rows: str) -> argparse.Namespace:
    """Parse, check, and read the chosen rows.

    Args:
        parser (argparse.ArgumentParser): With the options of
            :func:`add_run_arguments`.
        rows (str): The YAML file with the rows.

    Returns:
        argparse.Namespace: With ``rows`` a list of :class:`Row`.
    """
    args = parser.parse_args()
    if args.seeds < 1 or args.jobs < 1:
        parser.error('--seeds and --jobs must be at least 1')
    try:
        args.rows = read_rows(rows, args.rows)
    except ValueError as error:
        parser.error(str(error))
    return args


def open_runs(bench: Bench,
              args: argparse.Namespace) -> List[Tuple[Row, int]]:
    """The runs to be made: row and seed.

    Seed by seed, so that a part of the table covers all rows.
    """
    return [(row, seed) for seed in range(args.seeds) for row in args.rows
            if args.retest or not bench.is_done(row, seed)]


def make_runs(bench: Bench, runs: Sequence[Tuple[Row, int]],
              args: argparse.Namespace) -> None:
    """Train and test, several runs at a time.

    Args:
        bench (Bench): Where everything is.
        runs (Sequence[tuple[Row, int]]): From :func:`open_runs`.
        args (argparse.Namespace): From :func:`parse_run_arguments`.

    Raises:
        RuntimeError: If one fails; those in progress end, no other begins.
    """
    threads = args.threads or max(1, (os.cpu_count() or 1) // args.jobs)
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
