# Copyright (c) mmteso contributors. All rights reserved.
"""Trains and tests the rows of a table, such as an ablation's."""
import os
import os.path as osp
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import nullcontext
from dataclasses import dataclass
from glob import escape, glob
from typing import Any, Dict, List, Optional, Sequence, Tuple

import torch
from mmengine.config import Config
from mmengine.utils import get_git_hash, mkdir_or_exist
from tqdm import tqdm

from mmteso.engine import AUDIO_CONDITIONS
from mmteso.engine.sound_steps import SPLITS, dataset_configs
from mmteso.io import (atomic_write, file_sha256, read_checkpoint, read_json,
                       write_json)
from mmteso.testbeds.cutouts import CUTOUTS
from mmteso.testbeds.synthavs.files import SYNTHAVS
from mmteso.version import __version__, installed_versions
from .records import Row

TIME_LIMIT = 3600  # seconds of a tool that nobody watches


@dataclass(frozen=True)
class Bench:
    """Where a table's parts lie: folders."""
    configs: str  # of the rows
    work_dir: str  # for checkpoints and logs
    results: str  # one JSON file a run
    starts: str = ''  # of the weights that the rows start from
    # --cfg-options of all rows, not of their common start
    options: Tuple[str, ...] = ()
    tools: str = 'tools'  # where train.py and test.py are

    def config_path(self, name: str) -> str:
        """The config of a row or of a stage of the common start."""
        return osp.join(self.configs, f'{name}.py')

    def result_path(self, row: Row, seed: int) -> str:
        """Where the result of a run is written."""
        return osp.join(self.results, f'{row.name}.seed{seed}.json')


def run_tool(path: str,
             *args: str,
             log: Optional[str] = None,
             threads: Optional[int] = None) -> float:
    """Run one of our command line tools; how many seconds it took.

    Its output goes to the file ``log``, if one is given, which the error
    names if the tool fails.
    """
    env = dict(os.environ)
    if threads:
        env['OMP_NUM_THREADS'] = str(threads)
    command = [sys.executable, path, *args]
    start = time.perf_counter()
    with open(log, 'a', encoding='utf-8') if log else nullcontext() as file:
        status = subprocess.run(
            command, stdout=file, stderr=file, env=env,
            timeout=TIME_LIMIT if log else None).returncode
    if status:
        raise RuntimeError(f'{shlex.join(command)} ended with status {status}'
                           f'; its output is in {log or "what is above"}')
    return time.perf_counter() - start


def best_checkpoint(folder: str) -> str:
    """The checkpoint that was best on the validation split."""
    found = glob(osp.join(escape(folder), 'best_*.pth'))
    if len(found) != 1:
        raise FileNotFoundError(
            f'expected one best_*.pth in {folder}, but found {found}')
    return found[0]


def _train(bench: Bench, name: str, folder: str, options: Sequence[str],
           threads: int) -> Dict[str, Any]:
    """Train anew; what a result tells of it."""
    mkdir_or_exist(folder)
    for path in glob(osp.join(escape(folder), '*.pth')):
        os.remove(path)  # of an interrupted run
    config = bench.config_path(name)
    command = ['python', 'tools/train.py', config, '--cfg-options', *options]
    start = Config.fromfile(config).get('load_from')
    if start:
        start = osp.join(bench.starts, osp.basename(start))
        options = [*options, f'load_from={start}']
    seconds = run_tool(
        osp.join(bench.tools, 'train.py'), config, '--work-dir', folder,
        '--cfg-options', *options, log=osp.join(folder, 'log.txt'),
        threads=threads)
    return dict(
        command=shlex.join(command),
        start=start and osp.basename(start),
        start_sha256=start and file_sha256(start)[:16],
        seconds=dict(train=round(seconds, 1)))


def pretrain(bench: Bench, name: str, threads: int) -> None:
    """Train a stage of the rows' common start, unless it is there.

    The weights of its best checkpoint become ``{name}.pth`` in the folder of
    the starts. Remove that file to have it trained again.
    """
    target = osp.join(bench.starts, f'{name}.pth')
    if osp.exists(target):
        return
    folder = osp.join(bench.starts, name)
    _train(bench, name, folder, ['randomness.seed=0'], threads)
    # the optimizer's state stays behind
    checkpoint = read_checkpoint(best_checkpoint(folder))
    with atomic_write(target) as partial:
        torch.save(dict(state_dict=checkpoint['state_dict']), partial)


def run_row(bench: Bench,
            row: Row,
            seed: int,
            threads: int,
            retest: bool = False) -> Dict[str, Any]:
    """Train a row, test it under all audio conditions, write the result.

    With ``retest`` the model of a finished run is tested again instead.
    """
    folder = osp.join(bench.work_dir, row.name, f'seed{seed}')
    config, path = bench.config_path(row.name), bench.result_path(row, seed)
    result = read_json(path) if retest else _train(
        bench, row.name, folder, [*bench.options, f'randomness.seed={seed}'],
        threads)
    checkpoint, out = best_checkpoint(folder), osp.join(folder, 'audio.json')
    options = ['--cfg-options', *bench.options] if bench.options else []
    seconds = run_tool(
        osp.join(bench.tools, 'test.py'), config, checkpoint, '--work-dir',
        folder, '--audio', *AUDIO_CONDITIONS, '--audio-out', out, *options,
        log=osp.join(folder, 'log.txt'), threads=threads)
    report = read_json(out)
    # with the options
    cfg = Config.fromfile(osp.join(folder, osp.basename(config)))
    result.update(
        row=row.name,
        seed=seed,
        date=time.strftime('%Y-%m-%d'),
        commit=get_git_hash(digits=7),
        data=_data_versions(cfg),
        iterations=cfg.train_cfg.max_iters,
        best=osp.basename(checkpoint),
        noise_reference=report['reference'],
        threads=threads,
        versions=dict(mmteso=__version__, **installed_versions()),
        seconds=dict(result['seconds'], test=round(seconds, 1)),
        **{
            key: report[key]
            for key in ('conditions', 'drop_percent', 'listening_score',
                        'metrics')
        })
    write_json(result, path)
    return result


def _data_versions(cfg: Config) -> Dict[str, Any]:
    """By folder of a testbed how it was made."""
    roots = [
        str(leaf.get('data_root')) for split in SPLITS
        if cfg.get(f'{split}_dataloader')
        for leaf in dataset_configs(cfg[f'{split}_dataloader']['dataset'])
    ]
    manifests = {
        root: testbed.read_manifest(root)
        for root in roots for testbed in (SYNTHAVS, CUTOUTS)
        if osp.isfile(osp.join(root, testbed.manifest))
    }
    return {
        root: {key: manifest[key]
               for key in ('generator_version', 'arguments')}
        for root, manifest in manifests.items()
    }


def open_runs(bench: Bench,
              rows: Sequence[Row],
              seeds: int,
              retest: bool = False) -> List[Tuple[Row, int]]:
    """The runs without a result, or with one; seed by seed."""
    return [(row, seed) for seed in range(seeds) for row in rows
            if osp.exists(bench.result_path(row, seed)) == retest]


def make_runs(bench: Bench,
              runs: Sequence[Tuple[Row, int]],
              jobs: int = 1,
              threads: Optional[int] = None,
              retest: bool = False) -> None:
    """Make the runs of :func:`open_runs`, some jobs at a time.

    Each takes ``threads`` threads, by default the cores divided by ``jobs``.
    If one fails, those in progress end and no other begins.
    """
    threads = threads or max(1, (os.cpu_count() or 1) // jobs)
    with ThreadPoolExecutor(jobs) as pool:
        futures = [
            pool.submit(run_row, bench, row, seed, threads, retest)
            for row, seed in runs
        ]
        try:
            for future in tqdm(
                    as_completed(futures), total=len(runs), unit='run'):
                result = future.result()
                tqdm.write(f'{result["row"]}, seed {result["seed"]}: J '
                           f'{result["conditions"]["normal"]["J"]:.2f}, '
                           f'{sum(result["seconds"].values()):.0f} s')
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
