# Copyright (c) mmteso contributors. All rights reserved.
"""Trains and tests the rows of a table, such as an ablation."""
import itertools
import os
import os.path as osp
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from glob import escape, glob
from typing import Any, Dict, List, Optional, Sequence, Tuple

import torch
from mmengine.config import Config
from mmengine.utils import get_git_hash, mkdir_or_exist

from mmteso.io import file_sha256, plain, read_json, read_yaml, write_json
from mmteso.testbeds.synthavs.files import GENERATOR_VERSION
from mmteso.version import __version__, installed_versions
from .ablation_state import check_same_training, config_hash, data_manifests

CONDITIONS = ('normal', 'mute', 'wgn-10db', 'wgn-40db', 'off-screen')
#: What a run may take at most, in seconds.
TIME_LIMIT = 3600


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        name (str): Name of its config, without the suffix.
        title (str): Name in the table.
        paper (tuple, optional): mIoU and F of the paper in percent; either
            may be None. Rows without are this project's.
    """
    name: str
    title: str
    paper: Optional[Tuple[Optional[float], Optional[float]]] = None


def read_rows(path: str, names: Optional[Sequence[str]] = None) -> List[Row]:
    """Read the list of rows.

    Args:
        path (str): A YAML file: a list of ``name``, ``title`` and, if the
            paper has the row, ``paper: [mIoU, F]``.
        names (Sequence[str], optional): The rows to take. Defaults to None:
            all.

    Returns:
        list[Row]: In the file's order.

    Raises:
        ValueError: If there is no row of a name.
    """
    entries = read_yaml(path)
    rows = [
        Row(entry['name'], entry['title'],
            tuple(entry['paper']) if 'paper' in entry else None)
        for entry in entries
    ]
    known = [row.name for row in rows]
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise ValueError(f'no rows {unknown} in {path}; there are {known}')
    return [row for row in rows if names is None or row.name in names]


@dataclass(frozen=True)
class Bench:
    """Where a table's parts lie.

    Attributes:
        configs (str): Folder of the rows' configs.
        work_dir (str): Folder for checkpoints and logs.
        results (str): Folder for the results, one small JSON file a run.
        tools (str): Folder of ``train.py`` and ``test.py``.
        starts (str): Folder of the weights that the rows start from.
        options (tuple[str]): ``--cfg-options`` of all rows, not of their
            common start. Defaults to ().
    """
    configs: str
    work_dir: str
    results: str
    tools: str
    starts: str
    options: Tuple[str, ...] = ()

    def config_path(self, row: Row) -> str:
        """The row's config."""
        return osp.join(self.configs, f'{row.name}.py')

    def result_path(self, row: Row, seed: int) -> str:
        """Where the result of a run is written."""
        return osp.join(self.results, f'{row.name}.seed{seed}.json')

    def config_hash(self, row: Row) -> str:
        """Hash of the row's config with the runs' options."""
        return config_hash(
            Config.fromfile(self.config_path(row)), self.options)

    def is_done(self, row: Row, seed: int) -> bool:
        """Whether the run's result is there and need not be made again.

        Raises:
            ValueError: If it is of another config or of other data than
                today's, or with other audio conditions: a table may show it
                (:func:`collect`), but it doesn't belong beside new runs.
        """
        path = self.result_path(row, seed)
        if not osp.exists(path):
            return False
        result = read_result(path)
        remedy = 'remove it to have the run repeated, or give --results'
        if result['config_hash'] != self.config_hash(row):
            raise ValueError(
                f'{path} is of another state of {self.config_path(row)} than '
                f"today's: {remedy}")
        if tuple(result['conditions']) != CONDITIONS:
            raise ValueError(
                f'{path} has the audio conditions '
                f'{list(result["conditions"])} and not {list(CONDITIONS)}: '
                f'{remedy}')
        old = sorted(folder for folder, data in result['data'].items()
                     if data and
                     data['generator_version'] != GENERATOR_VERSION)
        if old:
            raise ValueError(
                f'{path} is of an older version of SynthAVS in {old}: '
                f'{remedy}')
        return True

    def start_of(self, cfg: Config) -> Optional[str]:
        """The weights that a config starts from; None for random ones."""
        if not cfg.get('load_from'):
            return None
        return osp.join(self.starts, osp.basename(cfg.load_from))


def read_result(path: str) -> Dict[str, Any]:
    """Read the result of one run."""
    return read_json(path)


def run_tool(bench: Bench, name: str, *args: str, log: str,
             threads: int) -> float:
    """Run one of the command line tools with its output in a file.

    Args:
        bench (Bench): Where the tools are.
        name (str): 'train.py' or 'test.py'.
        *args (str): Its arguments.
        log (str): File to which the output is appended.
        threads (int): Threads that it may use.

    Returns:
        float: Seconds that it took.

    Raises:
        RuntimeError: If it failed; names the log.
    """
    start = time.perf_counter()
    mkdir_or_exist(osp.dirname(log))
    command = [sys.executable, osp.join(bench.tools, name), *args]
    with open(log, 'a', encoding='utf-8') as file:
        status = subprocess.run(
            command,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=dict(os.environ, OMP_NUM_THREADS=str(threads)),
            timeout=TIME_LIMIT).returncode
    if status:
        raise RuntimeError(f'{" ".join(command)} ended with status {status}; '
                           f'its output is in {log}')
    return time.perf_counter() - start


def _options(bench: Bench, *options: str) -> List[str]:
    return ['--cfg-options', *bench.options, *options]


def _load_from(start: Optional[str]) -> List[str]:
    return [f'load_from={start}'] if start else []


def pretrain(bench: Bench, name: str, threads: int) -> None:
    """Train a stage of the rows' common start, unless it is there.

    The weights of its best checkpoint become ``{name}.pth`` in the folder of
    the starts, with the config's hash and the data's versions in
    ``{name}.json``.

    Args:
        bench (Bench): With ``{name}.py`` among its configs.
        name (str): The stage.
        threads (int): Threads that it may use.

    Raises:
        ValueError: If weights are there, but of another config or of other
            data than today's.
    """
    config = osp.join(bench.configs, f'{name}.py')
    cfg = Config.fromfile(config)
    record = dict(config_hash=config_hash(cfg), data=data_manifests(cfg))
    target = osp.join(bench.starts, f'{name}.pth')
    record_path = osp.join(bench.starts, f'{name}.json')
    if osp.exists(target):
        if not osp.exists(record_path) or read_result(record_path) != record:
            raise ValueError(
                f'{target} is not of today\'s {config} and data, as '
                f'{record_path} would tell: remove it to have it trained '
                'again')
        return
    folder = osp.join(bench.starts, name)
    _remove_checkpoints(folder)
    options = ['randomness.seed=0']
    options += _load_from(bench.start_of(cfg))
    run_tool(
        bench,
        'train.py',
        config,
        '--work-dir',
        folder,
        '--cfg-options',
        *options,
        log=osp.join(folder, 'log.txt'),
        threads=threads)
    # the optimizer's state stays behind
    checkpoint = torch.load(
        best_checkpoint(folder), map_location='cpu', weights_only=True)
    write_json(record, record_path)
    torch.save(dict(state_dict=checkpoint['state_dict']), target)


def _remove_checkpoints(folder: str) -> None:
    """Remove what an interrupted run left."""
    for path in glob(osp.join(escape(folder), '*.pth')):
        os.remove(path)


def best_checkpoint(folder: str) -> str:
    """The checkpoint that was best on the validation split.

    Raises:
        FileNotFoundError: If there is not just one.
    """
    found = glob(osp.join(escape(folder), 'best_*.pth'))
    if len(found) != 1:
        raise FileNotFoundError(
            f'expected one best_*.pth in {folder}, but found {found}')
    return found[0]


def run_row(bench: Bench,
            row: Row,
            seed: int,
            threads: int,
            retest: bool = False) -> Dict[str, Any]:
    """Train a row, test it under all audio conditions, write the result.

    Args:
        bench (Bench): Where everything is.
        row (Row): The row.
        seed (int): Of the training.
        threads (int): Threads that it may use.
        retest (bool): Whether to test a model that is trained already, of
            which there is a result. Defaults to False.

    Returns:
        dict: What was written.

    Raises:
        ValueError: With ``retest``, if the model is of another config than
            today's.
    """
    folder = osp.join(bench.work_dir, row.name, f'seed{seed}')
    config, log = bench.config_path(row), osp.join(folder, 'log.txt')
    cfg = Config.fromfile(config)
    start = bench.start_of(cfg)
    if retest:
        check_same_training(cfg, osp.join(folder, osp.basename(config)))
        train_seconds = read_result(bench.result_path(
            row, seed))['seconds']['train']
    else:
        _remove_checkpoints(folder)
        train_seconds = run_tool(
            bench,
            'train.py',
            config,
            '--work-dir',
            folder,
            *_options(bench, f'randomness.seed={seed}', *_load_from(start)),
            log=log,
            threads=threads)
    checkpoint = best_checkpoint(folder)
    report_path = osp.join(folder, 'audio.json')
    test_seconds = run_tool(
        bench,
        'test.py',
        config,
        checkpoint,
        '--work-dir',
        folder,
        '--audio',
        *CONDITIONS,
        '--audio-out',
        report_path,
        *(_options(bench) if bench.options else ()),
        log=log,
        threads=threads)
    report = read_result(report_path)
    # with the options
    cfg = Config.fromfile(osp.join(folder, osp.basename(config)))
    result = plain(
        dict(
            row=row.name,
            seed=seed,
            date=time.strftime('%Y-%m-%d'),
            commit=get_git_hash(digits=7),
            config_hash=bench.config_hash(row),
            data=data_manifests(cfg),
            start=start and osp.basename(start),
            start_sha256=start and file_sha256(start)[:16],
            iterations=cfg.train_cfg.max_iters,
            best=osp.basename(checkpoint),
            conditions=report['conditions'],
            drop_percent=report['drop_percent'],
            listening_score=report['listening_score'],
            metrics=report['metrics'],
            noise_reference=report['reference'],
            seconds=dict(
                train=round(train_seconds, 1), test=round(test_seconds, 1)),
            threads=threads,
            versions=dict(mmteso=__version__, **installed_versions())))
    mkdir_or_exist(bench.results)
    write_json(result, bench.result_path(row, seed))
    return result


def collect(bench: Bench,
            rows: Sequence[Row]) -> Dict[str, List[Dict[str, Any]]]:
    """Read the results that are there.

    Args:
        bench (Bench): Where they are.
        rows (Sequence[Row]): The rows.

    Returns:
        dict[str, list[dict]]: By row, in the order of the seeds; rows
        without results are left out. They are records of their ``commit`` and
        ``date``, and not compared with today's configs.

    Raises:
        ValueError: If they don't start from the same weights.
    """
    found = {}
    for row in rows:
        pattern = re.compile(re.escape(row.name) + r'\.seed(\d+)\.json')
        names = os.listdir(bench.results) if osp.isdir(bench.results) else ()
        seeds = [int(m.group(1)) for m in map(pattern.fullmatch, names) if m]
        if seeds:
            found[row.name] = [
                read_result(bench.result_path(row, seed))
                for seed in sorted(seeds)
            ]
    starts: Dict[str, set] = {}
    for result in itertools.chain(*found.values()):
        starts.setdefault(result['start'], set()).add(result['start_sha256'])
    for name, hashes in starts.items():
        if len(hashes) > 1:
            raise ValueError(
                f'the results in {bench.results} start from different '
                f'{name} ({sorted(hashes)}) and can\'t be compared')
    return found
