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
TORCHRUN = [sys.executable, '-W', 'ignore', '-m', 'torch.distributed.run',
            '--nproc_per_node=2', '--rdzv-backend=c10d',
            '--rdzv-endpoint=127.0.0.1:0', str(WORKER)]


def write_config(synthavs, folder, **hook):
    """Of a training in whose iteration 3 a hook does something."""
    config = narrow_config(load('teso/teso-cue_r18_synthavs.py'), synthavs,
                           folder / 'work', frames=8, epochs=6)
    config.train_cfg.val_interval = 9
    config.default_hooks.checkpoint.interval = 2
    config.default_hooks.checkpoint.signal_interval = 5
    config.default_hooks.finite_loss.action = 'skip'
    config.log_level = 'WARNING'
    config.custom_hooks = [dict(hook)]
    config.dump(str(folder / 'config.py'))
    return folder / 'config.py'


@pytest.fixture
def config(synthavs, tmp_path):
    return write_config(synthavs, tmp_path, type='Dies')


def start(config):
    """Two processes that no launcher looks after."""
    port = str(free_port())
    return [subprocess.Popen(
                [sys.executable, '-W', 'ignore', WORKER, 'train', config],
                env=environment(RANK=rank, LOCAL_RANK=rank, WORLD_SIZE='2',
                                MASTER_ADDR='127.0.0.1', MASTER_PORT=port),
                cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                text=True) for rank in '01']


def outputs_of(processes):
    try:
        return [process.communicate(timeout=1500)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()


def test_dead_process_without_a_launcher(config):
    """The other one ends by itself, says so, and the checkpoint is whole."""
    processes = start(config)
    try:
        processes[1].communicate(timeout=1500)
        died = time.perf_counter()
        output = processes[0].communicate(timeout=120)[0]
    finally:
        for process in processes:
            process.kill()
    print(f'ended {time.perf_counter() - died:.1f} s after the other')
    assert processes[1].returncode == -9 and processes[0].returncode == 1
    assert 'another process of this training has ended' in output, output
    torch.load(config.parent / 'work' / 'iter_2.pth', weights_only=True)


def test_one_process_gets_sigterm(synthavs, tmp_path):
    """Both end after the same iteration."""
    processes = start(write_config(
        synthavs, tmp_path, type='Dies', name='SIGTERM'))
    outputs = outputs_of(processes)
    assert [p.returncode for p in processes] == [143, 143], outputs
    checkpoint = torch.load(
        tmp_path / 'work' / 'interrupted.pth', weights_only=True)
    assert checkpoint['meta']['iter'] == 5


def test_nan_in_one_process(synthavs, tmp_path):
    """Both skip the step, and none waits for the other."""
    processes = start(write_config(synthavs, tmp_path, type='Poisons'))
    outputs = outputs_of(processes)
    assert [p.returncode for p in processes] == [0, 0], outputs
    assert 'iteration 3: a gradient is not finite' in outputs[0]
    assert 'Step skipped; 1 in this run' in outputs[0]
    checkpoint = torch.load(
        tmp_path / 'work' / 'iter_6.pth', weights_only=True)
    steps = {float(state['step'])
             for state in checkpoint['optimizer']['state'].values()}
    assert steps == {5.}


def test_dead_process_under_torchrun(config):
    result = run([*TORCHRUN, 'train', config], check=False, timeout=1500)
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
