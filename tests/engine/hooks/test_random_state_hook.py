# Copyright (c) mmteso contributors. All rights reserved.
import random

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from toy_runner import toy_config, train

from mmteso.engine.hooks.random_state_hook import (_DATA, _MODEL,
                                                   SeededDataIterator,
                                                   derive_seed,
                                                   preserve_cpu_generators,
                                                   seed_cpu)


def weights(runner):
    return runner.model.layer.weight.detach().clone()


class _Stop(Exception):
    """Interrupts a training like a signal would."""


def interrupted_then_resumed(config, name, stop_at):
    runner = train_until(config, f'{name}-stopped', stop_at)
    assert runner.iter == stop_at
    return train(config, f'{name}-resumed', resume=True)


def train_until(config, experiment, stop_at):
    class Interrupt(Hook):
        priority = 'HIGHEST'

        def before_train_iter(self, runner, batch_idx, data_batch=None):
            if runner.iter == stop_at:
                raise _Stop

    runner = Runner.from_cfg(dict(config, experiment_name=experiment))
    runner.register_hook(Interrupt())
    with pytest.raises(_Stop):
        runner.train()
    iterator = getattr(runner.train_loop, 'dataloader_iterator', None)
    if isinstance(iterator, SeededDataIterator):
        iterator.close()
    return runner


def with_workers(num_workers, **overrides):
    loader = dict(toy_config('')['train_dataloader'], num_workers=num_workers)
    if num_workers:
        loader.update(persistent_workers=True)
    return dict(overrides, train_dataloader=loader)


@pytest.mark.parametrize('num_workers', [0, 2])
@pytest.mark.parametrize('stop_at', [4, 6])
def test_resumed_equals_uninterrupted(tmp_path, num_workers, stop_at):
    """The checkpoints are at 3 (with a validation after it) and at 6."""
    changes = with_workers(num_workers)
    name = f'{num_workers}-{stop_at}'
    whole = train(
        toy_config(tmp_path / 'whole', **changes), f'whole-{name}')
    resumed = interrupted_then_resumed(
        toy_config(tmp_path / 'parts', **changes), name, stop_at)
    assert resumed.iter == whole.iter == 7
    assert torch.equal(weights(whole), weights(resumed))
    whole_state = whole.optim_wrapper.state_dict()['state'][0]
    resumed_state = resumed.optim_wrapper.state_dict()['state'][0]
    assert torch.equal(whole_state['exp_avg'], resumed_state['exp_avg'])


def test_without_the_hook_it_is_not_equal(tmp_path):
    """That is, the test above can fail."""
    hooks = [dict(type='PlainCheckpointHook')]
    whole = train(
        toy_config(tmp_path / 'whole', custom_hooks=hooks), 'no-hook-whole')
    resumed = interrupted_then_resumed(
        toy_config(tmp_path / 'parts', custom_hooks=hooks), 'no-hook', 4)
    assert not torch.equal(weights(whole), weights(resumed))


def test_number_of_workers_changes_nothing(tmp_path):
    results = [
        weights(
            train(
                toy_config(tmp_path / str(n), **with_workers(n)),
                f'workers-{n}')) for n in (0, 1, 2)
    ]
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


def test_seed_changes_the_result(tmp_path):
    first, second = (
        weights(
            train(
                toy_config(tmp_path / str(seed), randomness=dict(seed=seed)),
                f'seed-{seed}')) for seed in (1, 2))
    assert not torch.equal(first, second)


def test_random_seed_is_taken_from_the_checkpoint(tmp_path):
    """Without a seed in the config, the runner draws one."""
    no_seed = dict(randomness=dict(seed=None))
    stopped = train_until(
        toy_config(tmp_path / 'parts', **no_seed), 'unseeded-stopped', 4)
    whole = train(
        toy_config(tmp_path / 'whole', randomness=dict(seed=stopped.seed)),
        'unseeded-whole')
    # only what follows can be equal: the initial weights are not seeded alike
    resumed = train(
        toy_config(tmp_path / 'parts', **no_seed),
        'unseeded-resumed',
        resume=True)
    again = train(
        toy_config(tmp_path / 'again', **no_seed),
        'unseeded-again',
        resume=True,
        load_from=str(tmp_path / 'parts' / 'iter_3.pth'))
    assert resumed.train_dataloader.sampler.seed == stopped.seed
    assert torch.equal(weights(resumed), weights(again))
    assert torch.equal(weights(resumed), weights(whole))


def test_finite_sampler(tmp_path):
    loader = dict(
        toy_config('')['train_dataloader'],
        sampler=dict(type='DefaultSampler', shuffle=True),
        dataset=dict(type='ToyRandomData', length=8))
    whole = train(
        toy_config(tmp_path / 'whole', train_dataloader=loader),
        'finite-whole')
    resumed = interrupted_then_resumed(
        toy_config(tmp_path / 'parts', train_dataloader=loader), 'finite', 4)
    assert torch.equal(weights(whole), weights(resumed))


@pytest.mark.parametrize('num_workers', [0, 2])
def test_epoch_based_loop(tmp_path, num_workers):
    loader = dict(
        toy_config('')['train_dataloader'],
        sampler=dict(type='DefaultSampler', shuffle=True),
        num_workers=num_workers,
        dataset=dict(type='ToyRandomData', length=4))
    changes = dict(
        train_dataloader=loader,
        train_cfg=dict(by_epoch=True, max_epochs=3, val_interval=1),
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', interval=1)))
    name = f'epochs-{num_workers}'
    whole = train(toy_config(tmp_path / 'whole', **changes), f'{name}-whole')
    resumed = interrupted_then_resumed(
        toy_config(tmp_path / 'parts', **changes), name, 3)
    assert torch.equal(weights(whole), weights(resumed))


def test_loading_weights_takes_no_order(tmp_path):
    """`load_from` without `resume` is a new run with its own seed."""
    train(toy_config(tmp_path / 'first'), 'order-first')
    runner = train(
        toy_config(
            tmp_path / 'second',
            randomness=dict(seed=9),
            load_from=str(tmp_path / 'first' / 'iter_7.pth')), 'order-second')
    assert runner.train_dataloader.sampler.seed == 9


def test_derived_seeds_differ():
    seeds = {
        derive_seed(seed, rank, stream, step)
        for seed in (0, 1) for rank in (0, 1) for stream in (_MODEL, _DATA)
        for step in range(100)
    }
    assert len(seeds) == 800
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_generators_are_preserved():
    seed_cpu(3)
    expected = random.random(), np.random.rand(), torch.rand(2)
    seed_cpu(3)
    with preserve_cpu_generators():
        random.random(), np.random.rand(4), torch.rand(9)
    assert random.random() == expected[0]
    assert np.random.rand() == expected[1]
    assert torch.equal(torch.rand(2), expected[2])
