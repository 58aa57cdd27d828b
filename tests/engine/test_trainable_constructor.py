# Copyright (c) mmteso contributors. All rights reserved.
import pytest
import torch
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import DefaultScope
from torch import nn

from mmteso.engine import TrainableOptimWrapperConstructor


class Model(nn.Module):

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3))
        self.network = nn.Linear(3, 4)
        self.norm = nn.BatchNorm2d(4)
        self.token = nn.Parameter(torch.zeros(5))
        self.tied = self.network
        self.frozen = nn.Linear(7, 7).requires_grad_(False)


def settings(model, paramwise=None, **optimizer):
    """Learning rate and weight decay that each parameter really gets."""
    cfg = dict(optimizer=dict(type='AdamW', lr=1e-2, weight_decay=0.1))
    cfg['optimizer'].update(optimizer)
    wrapper = TrainableOptimWrapperConstructor(cfg, paramwise)(model)
    got = {}
    for group in wrapper.optimizer.param_groups:
        for parameter in group['params']:
            assert parameter not in got
            got[parameter] = (group['lr'], group['weight_decay'])
    return {name: got.pop(parameter)
            for name, parameter in model.named_parameters()
            if parameter in got}, got, wrapper


TRAINABLE = {'net.0.weight', 'net.0.bias', 'net.1.weight', 'net.1.bias',
             'network.weight', 'network.bias', 'norm.weight', 'norm.bias',
             'token'}


def test_frozen_parameters_stay_out():
    model = Model()
    got, others, wrapper = settings(model)
    assert set(got) == TRAINABLE and not others
    assert set(got.values()) == {(1e-2, 0.1)}
    assert len(wrapper.optimizer.param_groups) == 1


def test_custom_keys():
    """The longest path counts, and 'net' is not the start of 'network'."""
    got, _, _ = settings(
        Model(), dict(
            custom_keys={'net': dict(lr_mult=0.1),
                         'net.1.bias': dict(lr_mult=3., decay_mult=0.5),
                         'token': dict(decay_mult=0.)}))
    approx = pytest.approx
    assert got['net.0.weight'] == got['net.0.bias'] == approx((1e-3, 0.1))
    assert got['net.1.weight'] == approx((1e-3, 0.1))
    assert got['net.1.bias'] == approx((3e-2, 0.05))
    assert got['token'] == approx((1e-2, 0.))
    assert got['network.weight'] == got['norm.bias'] == approx((1e-2, 0.1))


def test_decay_of_norms_and_biases():
    got, _, _ = settings(Model(),
                         dict(norm_decay_mult=0., bias_decay_mult=0.5,
                              custom_keys={'network': dict(decay_mult=0.1)}))
    norms = [got[f'{m}.{p}'] for m in ('net.1', 'norm')
             for p in ('weight', 'bias')]
    assert norms == [(1e-2, 0.)] * 4
    assert got['net.0.weight'] == got['token'] == (1e-2, 0.1)
    assert got['net.0.bias'] == pytest.approx((1e-2, 0.05))
    assert got['network.weight'] == pytest.approx((1e-2, 0.01))
    # both factors
    assert got['network.bias'] == pytest.approx((1e-2, 0.005))


def test_through_mmengine():
    """As a Runner builds it from a config."""
    cfg = dict(type='OptimWrapper',
               constructor='TrainableOptimWrapperConstructor',
               optimizer=dict(type='SGD', lr=0.5, momentum=0.9),
               accumulative_counts=2, clip_grad=dict(max_norm=0.1),
               paramwise_cfg=dict(custom_keys=dict(network=dict(lr_mult=0.1))))
    model = Model()
    with DefaultScope.overwrite_default_scope('mmseg'):
        wrapper = build_optim_wrapper(nn.DataParallel(model), cfg)
    assert type(wrapper) is OptimWrapper
    assert isinstance(wrapper.optimizer, torch.optim.SGD)
    assert wrapper._accumulative_counts == 2
    assert wrapper.clip_grad_kwargs == dict(max_norm=0.1)
    rates = {group['lr'] for group in wrapper.optimizer.param_groups}
    assert rates == {0.5, 0.05}
