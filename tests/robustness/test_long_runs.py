# Copyright (c) mmteso contributors. All rights reserved.
"""Trainings that are long, or killed again and again: minutes each.

What they print is what docs/robustness.md shows.
"""
import multiprocessing
import random
import time
from pathlib import Path

import pytest
import torch
from mmengine.runner import Runner
from narrow import CallHook, load, narrow_config, plain_config_text

from mmteso.engine import resume_from_work_dir

pytestmark = pytest.mark.slow
CONFIG = 'teso/teso-cue_r18_synthavs.py'
ITERS, KILLS = 240, 20


def train(data_root, work_dir, iters, resume=True):
    """What tools/train.py does, with a narrow model."""
    torch.set_num_threads(1)
    config = narrow_config(load(CONFIG), data_root, work_dir, frames=6,
                           epochs=ITERS)
    config.train_cfg.val_interval = 20
    config.val_dataloader.dataset.indices = 2
    config.train_dataloader.update(num_workers=1, persistent_workers=True)
    config.default_hooks.checkpoint.interval = 4
    if resume:
        resume_from_work_dir(config)

    def count(runner):
        iters.value = runner.iter

    with plain_config_text():
        runner = Runner.from_cfg(config)
        runner.register_hook(CallHook(before_train_iter=count))
        runner.train()


def wait(process, condition):
    """Until the condition holds; the training must not end before."""
    end = time.monotonic() + 600
    while not condition():
        assert process.is_alive(), 'the training ended before it was killed'
        assert time.monotonic() < end, 'nothing happened for ten minutes'
        time.sleep(0.0005)


def test_killed_twenty_times(synthavs, tmp_path):
    """The weights are those of a training that nobody killed, bit for bit.

    SIGKILL, ten times at a random moment and ten while a checkpoint is
    written.
    """
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(['mmteso.models', 'narrow'])
    rng, log, writing = random.Random(0), [], 0
    parts = tmp_path / 'parts'
    for kill in range(KILLS + 1):
        iters = context.Value('i', -1)
        process = context.Process(
            target=train, args=(synthavs, str(parts), iters))
        process.start()
        if kill < KILLS:
            if kill % 5:  # else while it starts
                wait(process, lambda: iters.value >= 0)
            first = iters.value
            if kill % 2:
                wait(process, lambda: list(parts.glob('*.pth.*.partial')))
            else:
                if kill % 5:
                    wait(process, lambda: iters.value > first + 4)
                time.sleep(rng.uniform(0, 1.5))
            process.kill()
            writing += bool(list(parts.glob('*.pth.*.partial')))
            log.append((first, iters.value))
        process.join()
    assert process.exitcode == 0
    print(f'began and killed at {log}, {writing} of them while writing')
    assert writing >= KILLS / 4
    for (_, killed), (began, _) in zip(log, log[1:]):
        # no more is lost than what the last checkpoint didn't hold yet
        assert began < 0 or killed - began < 8
    whole = tmp_path / 'whole'
    process = context.Process(target=train, args=(synthavs, str(whole), iters))
    process.start()
    process.join()
    one, two = (torch.load(part / f'iter_{ITERS}.pth', weights_only=True)
                for part in (whole, parts))
    for key in ('state_dict', 'optimizer'):
        torch.testing.assert_close(two[key], one[key], rtol=0, atol=0)
    assert two['message_hub']['runtime_info']['best_score'] == one[
        'message_hub']['runtime_info']['best_score']
    assert {path.name for path in whole.glob('*.pth')} <= {
        path.name for path in parts.glob('*.pth')}
    assert not list(parts.glob('*.partial'))


def resident_mib():
    """Memory of this process that is in use."""
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * 4096 / 2**20


def test_memory_is_flat(synthavs, tmp_path):
    """2000 iterations, with logs, validations and checkpoints."""
    config = narrow_config(
        load(CONFIG), synthavs, tmp_path, frames=8, epochs=2000)
    config.train_cfg.val_interval = 250
    config.val_dataloader.dataset.indices = 2
    config.default_hooks.checkpoint.interval = 100
    memory = {}

    def measure(runner):
        if runner.iter + 1 in (200, 500, 1000, 1500, 2000):
            memory[runner.iter + 1] = round(resident_mib())

    runner = Runner.from_cfg(config)
    runner.register_hook(CallHook(after_train_iter=measure))
    runner.train()
    print(f'MiB by iteration: {memory}')
    assert memory[2000] < 1.05 * memory[500]


@pytest.mark.parametrize('dtype', ['bfloat16', 'float16'])
@pytest.mark.parametrize('name', [CONFIG, 'teso/teso_swin-b_v1m.py'])
def test_mixed_precision_stays_finite(name, dtype, synthavs, v1m, tmp_path):
    """200 steps; FiniteLossHook ends the training otherwise."""
    root = v1m if 'v1m' in name else synthavs
    config = narrow_config(load(name), root, tmp_path, frames=4, epochs=200)
    config.train_cfg = dict(
        type='IterBasedTrainLoop', max_iters=200, val_interval=100)
    config.optim_wrapper.update(type='CPUAmpOptimWrapper', dtype=dtype)
    losses = []
    hook = CallHook()
    hook.after_train_iter = lambda runner, batch_idx, data_batch, outputs: (
        losses.append(float(outputs['loss'])))
    runner = Runner.from_cfg(config)
    runner.register_hook(hook)
    runner.train()
    print(f'{name} {dtype}: loss {losses[0]:.2f} to {losses[-1]:.2f}')
    assert len(losses) == 200 and losses[-1] < losses[0]
    for key, value in runner.model.state_dict().items():
        assert torch.isfinite(value).all(), key


@pytest.mark.parametrize('name', [CONFIG, 'teso/teso_swin-b_v1m.py'])
def test_resumed_at_iteration_20000(name, synthavs, v1m, tmp_path):
    """The first step comes about as soon as in an ordinary start."""
    root = v1m if 'v1m' in name else synthavs
    seconds = {}
    for start in (0, 20000):
        config = narrow_config(
            load(name), root, tmp_path, frames=4, epochs=20001)
        config.val_dataloader = config.val_cfg = config.val_evaluator = None
        config.train_dataloader.update(num_workers=1, persistent_workers=True)
        config.default_hooks.checkpoint.interval = 1
        if start:
            path = next(tmp_path.glob('*_1.pth'))
            checkpoint = torch.load(path, weights_only=True)
            checkpoint['meta']['iter'] = start
            if checkpoint['meta']['epoch']:  # of two iterations
                checkpoint['meta']['epoch'] = start // 2
            torch.save(checkpoint, path)
            config.update(resume=True, load_from=str(path))
        steps = []

        def step(runner):
            steps.append((runner.iter, time.perf_counter()))
            runner.train_loop.stop_training = True

        runner = Runner.from_cfg(config)
        runner.register_hook(CallHook(after_train_iter=step))
        began = time.perf_counter()
        runner.train()
        assert steps[0][0] == start
        seconds[start] = round(steps[0][1] - began, 1)
    print(f'{name}: seconds to the first step, by iteration: {seconds}')
