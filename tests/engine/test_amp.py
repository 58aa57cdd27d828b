# Copyright (c) mmteso contributors. All rights reserved.
import pytest
import torch
from mmengine.config import Config
from toy_runner import toy_config, train

from mmteso.engine import enable_amp


def config(**optim_wrapper):
    return Config(
        dict(
            optim_wrapper=dict(
                optimizer=dict(type='AdamW', lr=0.05), **optim_wrapper)))


@pytest.mark.parametrize('device, expected', [
    ('cpu', dict(type='CPUAmpOptimWrapper')),
    ('cuda', dict(type='AmpOptimWrapper', loss_scale='dynamic')),
])
def test_wrapper_for_the_device(monkeypatch, device, expected):
    monkeypatch.setattr('mmteso.engine.amp.get_device', lambda: device)
    cfg = config(type='OptimWrapper')
    enable_amp(cfg)
    cfg.optim_wrapper.pop('optimizer')
    assert cfg.optim_wrapper == expected


def test_already_enabled():
    cfg = config(type='AmpOptimWrapper', loss_scale=8.0)
    enable_amp(cfg)
    assert cfg.optim_wrapper.loss_scale == 8.0


def test_other_wrappers_are_refused():
    with pytest.raises(ValueError, match='but got ApexOptimWrapper'):
        enable_amp(config(type='ApexOptimWrapper'))


def test_training_on_cpu_autocasts(tmp_path, monkeypatch):
    """The layer computes in bfloat16, the weights stay float32."""
    cfg = toy_config(tmp_path)
    cfg['optim_wrapper'].update(type='CPUAmpOptimWrapper')
    seen = []
    forward = torch.nn.Linear.forward

    def watch(self, x):
        out = forward(self, x)
        if self.training:
            seen.append(out.dtype)
        return out

    monkeypatch.setattr(torch.nn.Linear, 'forward', watch)
    runner = train(cfg, 'cpu-amp')
    assert seen == [torch.bfloat16] * 7
    assert runner.model.layer.weight.dtype == torch.float32
    assert torch.isfinite(runner.model.layer.weight).all()
