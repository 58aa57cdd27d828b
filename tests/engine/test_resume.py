# Copyright (c) mmteso contributors. All rights reserved.
"""An interrupted training of a real model resumes to the same weights.

The hook's own test has a toy model; here are sound, text, flips, the
matching's sampled points and the schedule of a config. The model is narrowed.
"""
import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from narrow import CallHook, load, narrow_config

from mmteso.engine.seeded_batches import release_batches

CONFIG = 'teso/teso-cue_r18_synthavs.py'
ITERS, SAVED = 4, 2


class _Interrupted(Exception):
    """Ends a training like a signal would."""


class InterruptHook(Hook):
    """Interrupts the training after the checkpoint and one more step."""

    priority = 'LOWEST'

    def after_train_iter(self, runner, batch_idx, data_batch=None,
                         outputs=None):
        if runner.iter == SAVED:
            raise _Interrupted


def config_of(data_root, work_dir, num_workers):
    config = narrow_config(
        load(CONFIG), data_root, work_dir, frames=6, epochs=ITERS)
    config.train_dataloader.update(
        num_workers=num_workers, persistent_workers=num_workers > 0)
    # validates after the checkpoint, which must not shift what follows
    config.train_cfg.val_interval = SAVED
    config.val_dataloader.dataset.indices = 2
    config.default_hooks.checkpoint.interval = SAVED
    return config


def train(config):
    """The runner, and at which iterations it trained."""
    runner, iters = Runner.from_cfg(config), []
    runner.register_hook(
        CallHook(before_train_iter=lambda runner: iters.append(runner.iter)))
    runner.train()
    return runner, iters


def moments(runner):
    """AdamW's state by the position of the parameter, steps included."""
    return {
        (index, name): value
        for index, state in runner.optim_wrapper.state_dict()['state'].items()
        for name, value in state.items()}


def assert_equal(actual, expected):
    assert actual.keys() == expected.keys()
    different = [key for key in expected
                 if not torch.equal(actual[key], expected[key])]
    assert not different, different


@pytest.mark.parametrize('num_workers', [0, 2])
def test_resumed_equals_uninterrupted(synthavs, tmp_path, num_workers):
    """Bit for bit: weights, statistics and the optimizer's moments."""
    whole, iters = train(config_of(synthavs, tmp_path / 'whole', num_workers))
    assert iters == list(range(ITERS))

    stopped = Runner.from_cfg(
        config_of(synthavs, tmp_path / 'parts', num_workers))
    stopped.register_hook(InterruptHook())
    with pytest.raises(_Interrupted):
        stopped.train()
    release_batches(stopped.train_loop)
    halfway = torch.load(
        tmp_path / 'parts' / f'iter_{SAVED}.pth', weights_only=True)

    config = config_of(synthavs, tmp_path / 'parts', num_workers)
    config.resume = True
    resumed, iters = train(config)
    assert iters == list(range(SAVED, ITERS))

    assert_equal(resumed.model.state_dict(), whole.model.state_dict())
    assert_equal(moments(resumed), moments(whole))
    # what was to be repeated is more than nothing
    moved = [name for name, parameter in whole.model.named_parameters()
             if not torch.equal(parameter, halfway['state_dict'][name])]
    assert len(moved) > 50
