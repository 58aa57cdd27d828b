# Copyright (c) mmteso contributors. All rights reserved.
"""What happens to a process if the other one dies, or has nothing to learn."""
import re
import subprocess
import sys
import time

import pytest
import torch
from faulty_process import BLANK, blank_gradients
from narrow import load, narrow_config
from processes import ROOT, environment, free_port, run

from data import make_avsbench

pytestmark = [pytest.mark.dist, pytest.mark.slow]
WORKER = ROOT / 'tests' / 'faulty_process.py'
TORCHRUN = [
    sys.executable, '-W', 'ignore', '-m', 'torch.distributed.run',
    '--nproc_per_node=2', '--rdzv-backend=c10d',
    '--rdzv-endpoint=127.0.0.1:0', str(WORKER)
]


@pytest.fixture
def config(synthavs, tmp_path):
    """Of a training whose process 1 dies in iteration 2."""
    config = narrow_config(
        load('teso/teso-cue_r18_synthavs.py'), synthavs, tmp_path / 'work',
        frames=8, epochs=6)
    config.train_cfg.val_interval = 9
    config.default_hooks.checkpoint.interval = 2
    config.custom_hooks = [dict(type='Dies')]
    config.dump(str(tmp_path / 'config.py'))
    return tmp_path / 'config.py'


def test_dead_process_without_a_launcher(config):
    """The other one ends by itself, says so, and the checkpoint is whole."""
    port = str(free_port())
    processes = [
        subprocess.Popen(
            [sys.executable, '-W', 'ignore', str(WORKER), 'dies', str(config)],
            env=environment(
                RANK=rank, LOCAL_RANK=rank, WORLD_SIZE='2',
                MASTER_ADDR='127.0.0.1', MASTER_PORT=port),
            cwd=ROOT, stderr=subprocess.PIPE, text=True) for rank in '01'
    ]
    processes[1].communicate(timeout=300)
    died = time.perf_counter()
    error = processes[0].communicate(timeout=120)[1]
    print(f'ended {time.perf_counter() - died:.1f} s after the other')
    assert processes[1].returncode == -9 and processes[0].returncode == 1
    assert 'another process of this training has ended' in error, error
    torch.load(config.parent / 'work' / 'iter_2.pth', weights_only=True)


def test_dead_process_under_torchrun(config):
    result = run([*TORCHRUN, 'dies', config], check=False, timeout=300)
    assert result.returncode == 1
    assert re.search(r'rank\s+: 1 .*\n\s+exitcode\s+: -9', result.stderr)


@pytest.fixture(scope='module')
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp('blank')
    root = make_avsbench(folder / 'data', subsets=('v1m', ), clips=2)
    run([*TORCHRUN, 'blank', root, folder / 'work2', folder / 'two.pth'])
    two = torch.load(folder / 'two.pth', weights_only=True)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return blank_gradients(root, folder / 'work1', 'none', 4), two
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize('what', BLANK)
def test_process_with_nothing_to_learn(results, what):
    """No deadlock, and the gradients of one process."""
    one, two = (result[what] for result in results)
    assert all(gradient is not None for gradient in two.values())
    whole = torch.cat([gradient.flatten() for gradient in one.values()])
    other = torch.cat([two[name].flatten() for name in one])
    assert torch.isfinite(whole).all() and whole.norm() > 0
    assert (whole - other).norm() / whole.norm() < 1e-5
