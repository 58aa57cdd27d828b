# Copyright (c) mmteso contributors. All rights reserved.
"""What hooks do for the time of a training does not outlast it."""
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.utils.data import DataLoader
from toy_runner import toy_config


class _Stop(Hook):
    """Raises the errors it has left, before iteration 4."""

    def __init__(self, *errors):
        self.errors = list(errors)

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == 4 and self.errors:
            raise self.errors.pop()


def state_of(runner):
    """What the hooks change."""
    loader, optimizer = runner.train_dataloader, runner.optim_wrapper.optimizer
    return (signal.getsignal(signal.SIGTERM), type(loader),
            type(loader.batch_sampler),
            hasattr(loader.dataset, '__getitems__'),
            runner.optim_wrapper.step.__code__.co_name == 'step_if_finite',
            len(optimizer._optimizer_step_pre_hooks),
            len(runner.model.data_preprocessor._forward_hooks),
            'run' in vars(runner.train_loop))


@pytest.mark.parametrize('by_epoch', [False, True])
@pytest.mark.parametrize('workers', [0, 2])
def test_a_notebook_goes_on_after_an_error(by_epoch, workers, tmp_path):
    """In the same process, with the same runner, as if nothing had been."""

    def make(name, *errors):
        config = toy_config(
            tmp_path / name, experiment_name=f'{name}-{by_epoch}-{workers}')
        config['train_dataloader'].update(num_workers=workers)
        config['default_hooks']['checkpoint']['type'] = 'SafeCheckpointHook'
        config['custom_hooks'] += [
            dict(type='FiniteLossHook'), dict(type='GradNormHook', interval=2)]
        if by_epoch:
            config['train_dataloader']['sampler'] = dict(
                type='DefaultSampler', shuffle=True)
            config['train_cfg'] = dict(
                type='EpochBasedTrainLoop', max_epochs=2, val_interval=1)
            config['default_hooks']['checkpoint'].update(
                by_epoch=True, interval=1)
        runner = Runner.from_cfg(config)
        runner.register_hook(_Stop(*errors))
        return runner

    whole = make('whole')
    whole.train()
    stopped = make('stopped', KeyboardInterrupt(), ValueError('mine'))
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error):
            stopped.train()
        assert stopped.iter == 4
        assert state_of(stopped) == state_of(whole) == (
            signal.SIG_DFL, DataLoader, torch.utils.data.BatchSampler, False,
            False, 0, 0, False)
    stopped.train()
    assert stopped.iter == whole.iter
    torch.testing.assert_close(
        stopped.model.state_dict(), whole.model.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize('thread', [False, True])
def test_sigchld_is_left_as_it_was(thread, tmp_path):
    """Loaders' workers, and a training outside of the main thread."""

    def mine(*_):
        pass

    before = signal.signal(signal.SIGCHLD, mine)
    try:
        config = toy_config(
            tmp_path, experiment_name=f'sigchld-{thread}', train_cfg=dict(
                type='EpochBasedTrainLoop', max_epochs=2, val_interval=2))
        config['train_dataloader'].update(num_workers=1, sampler=dict(
            type='DefaultSampler', shuffle=True))
        config['default_hooks']['checkpoint'].update(
            type='SafeCheckpointHook', by_epoch=True, interval=1)
        runner = Runner.from_cfg(config)
        if thread:
            with ThreadPoolExecutor(1) as pool:
                pool.submit(runner.train).result(120)
        else:
            runner.train()
        assert runner.epoch == 2
        assert signal.getsignal(signal.SIGCHLD) is mine
    finally:
        signal.signal(signal.SIGCHLD, before)
