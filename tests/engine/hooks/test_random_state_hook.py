# Copyright (c) mmteso contributors. All rights reserved.
"""With a toy model; tests/engine/test_resume.py has a real one."""
from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from narrow import CallHook
from torch.utils.data import DataLoader
from toy_runner import toy_config, train

from mmteso.engine import RandomStateHook


def weights(runner):
    return runner.model.layer.weight.detach().clone()


def train_until(config, experiment, stop_at):

    def interrupt(runner):
        if runner.iter == stop_at:
            raise KeyboardInterrupt

    runner = Runner.from_cfg(dict(config, experiment_name=experiment))
    runner.register_hook(CallHook(before_train_iter=interrupt), 'HIGHEST')
    with pytest.raises(KeyboardInterrupt):
        runner.train()
    return runner


def test_random_seed_is_taken_from_the_checkpoint(tmp_path):
    """Without a seed in the config, the runner draws one."""
    no_seed = dict(randomness=dict(seed=None))
    stopped = train_until(
        toy_config(tmp_path / 'parts', **no_seed), 'unseeded-stopped', 4)
    whole = train(
        toy_config(tmp_path / 'whole', randomness=dict(seed=stopped.seed)),
        'unseeded-whole')
    # only what follows can be equal: the initial weights are not seeded alike
    resumed = train(toy_config(tmp_path / 'parts', **no_seed),
                    'unseeded-resumed', resume=True)
    again = train(toy_config(tmp_path / 'again', **no_seed), 'unseeded-again',
                  resume=True,
                  load_from=str(tmp_path / 'parts' / 'iter_3.pth'))
    assert resumed.train_dataloader.sampler.seed == stopped.seed
    assert torch.equal(weights(resumed), weights(again))
    assert torch.equal(weights(resumed), weights(whole))


@pytest.mark.parametrize(
    'kind', ['DefaultSampler', 'ClipSampler', 'InfiniteClipSampler'])
def test_other_samplers(tmp_path, kind):
    loader = dict(toy_config('')['train_dataloader'],
                  sampler=dict(type=kind, shuffle=True),
                  dataset=dict(type='ToyRandomData', length=8))
    if 'Clip' in kind:
        loader['batch_sampler'] = dict(type='ClipBatchSampler')
    whole = train(toy_config(tmp_path / 'whole', train_dataloader=loader),
                  f'{kind}-whole')
    parts = toy_config(tmp_path / 'parts', train_dataloader=loader)
    assert train_until(parts, f'{kind}-stopped', 4).iter == 4
    resumed = train(parts, f'{kind}-resumed', resume=True)
    assert torch.equal(weights(whole), weights(resumed))


def epochs(num_workers, persistent):
    """Three epochs of three batches, which two workers share unevenly."""
    loader = dict(toy_config('')['train_dataloader'],
                  sampler=dict(type='DefaultSampler', shuffle=True),
                  num_workers=num_workers, persistent_workers=persistent,
                  dataset=dict(type='ToyRandomData', length=5))
    return dict(
        train_dataloader=loader,
        train_cfg=dict(by_epoch=True, max_epochs=3, val_interval=1),
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', interval=1)))


class RecordNoise(Hook):
    """Keeps what the random transforms gave."""

    def __init__(self):
        self.noise = []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        # ToyRandomData adds its index to each; rounded, because that sum is
        for x in data_batch['x']:
            difference = (x[1:] - x[0]).double()
            self.noise.append(
                tuple(round(value, 5) for value in difference.tolist()))


def test_epochs_differ_whatever_the_workers(tmp_path):
    noises = []
    for num_workers, persistent in [(0, False), (2, False), (2, True),
                                    (1, True), (4, True)]:
        name = f'noise-{num_workers}-{persistent}'
        runner = Runner.from_cfg(dict(
            toy_config(tmp_path / name, **epochs(num_workers, persistent)),
            experiment_name=name))
        record = RecordNoise()
        runner.register_hook(record)
        runner.train()
        assert isinstance(runner.train_dataloader, DataLoader)
        noises.append(record.noise)
    assert len(noises[0]) == len(set(noises[0])) == 15
    assert all(noise == noises[0] for noise in noises)


def test_another_loop_is_refused():
    loop = SimpleNamespace(iter=0, dataloader=SimpleNamespace(sampler=None))
    with pytest.raises(TypeError, match='SimpleNamespace'):
        RandomStateHook().before_train(SimpleNamespace(train_loop=loop))
