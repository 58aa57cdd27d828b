# Copyright (c) mmteso contributors. All rights reserved.
"""An interrupted training of a real model resumes to the same weights.

The hook's own test has a toy model; here are sound, text, flips, the
matching's sampled points and the schedule of a config. The model is narrowed.
"""
import pytest
import torch
from mmengine.runner import Runner
from narrow import CallHook, load, narrow_config


ITERS, SAVED = 4, 2


def make_runner(data_root, work_dir, num_workers, resume=False):
    """A runner, and the iterations that it has begun."""
    config = narrow_config(load('teso/teso-cue_r18_synthavs.py'), data_root,
                           work_dir, frames=6, epochs=ITERS)
    config.train_dataloader.update(
        num_workers=num_workers, persistent_workers=num_workers > 0)
    # validates after the checkpoint, which must not shift what follows
    config.train_cfg.val_interval = SAVED
    config.val_dataloader.dataset.indices = 2
    config.default_hooks.checkpoint.interval = SAVED
    config.resume = resume
    runner, iters = Runner.from_cfg(config), []
    runner.register_hook(
        CallHook(before_train_iter=lambda runner: iters.append(runner.iter)))
    return runner, iters


def interrupt(runner):
    """After the checkpoint and one more step."""
    if runner.iter == SAVED:
        raise KeyboardInterrupt


@pytest.mark.parametrize('num_workers', [0, 2])
def test_resumed_equals_uninterrupted(synthavs, tmp_path, num_workers):
    """Bit for bit: weights, statistics and the optimizer's moments."""
    whole, iters = make_runner(synthavs, tmp_path / 'whole', num_workers)
    whole.train()
    assert iters == list(range(ITERS))

    parts = synthavs, tmp_path / 'parts', num_workers
    stopped, _ = make_runner(*parts)
    stopped.register_hook(CallHook(after_train_iter=interrupt))
    with pytest.raises(KeyboardInterrupt):
        stopped.train()
    halfway = torch.load(
        tmp_path / 'parts' / f'iter_{SAVED}.pth', weights_only=True)

    resumed, iters = make_runner(*parts, resume=True)
    resumed.train()
    assert iters == list(range(SAVED, ITERS))
    for one, two in ((resumed.model, whole.model),
                     (resumed.optim_wrapper, whole.optim_wrapper)):
        torch.testing.assert_close(
            one.state_dict(), two.state_dict(), rtol=0, atol=0)
    # what was to be repeated is more than nothing
    moved = [name for name, parameter in whole.model.named_parameters()
             if not torch.equal(parameter, halfway['state_dict'][name])]
    assert len(moved) > 50
