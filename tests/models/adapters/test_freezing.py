# Copyright (c) mmteso contributors. All rights reserved.
import pytest
import torch
from torch import nn

from mmteso.models.adapters import (BottleneckAdapter, freeze, inject_adapters,
                                    resolve_modules, set_eval)

FROZEN = ('network.backbone', 'network.pixel_decoder', 'norm')


class Model(nn.Module):
    """Everything that eval mode stops, frozen as the segmentor does it."""

    def __init__(self, network, frozen):
        super().__init__()
        self.network = network
        self.norm = nn.Sequential(
            nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Dropout(0.5))
        self.norm_too = nn.BatchNorm2d(4)
        self.head = nn.Linear(8, 2)
        self.frozen = resolve_modules(self, frozen)
        freeze(self.frozen)

    def train(self, mode=True):
        super().train(mode)
        set_eval(self.frozen)
        return self


@pytest.fixture
def model(network):
    inject_adapters(network)
    return Model(network, FROZEN)


def test_exact_sets(model):
    trainable = {n for n, p in model.named_parameters() if p.requires_grad}
    expected = {
        name
        for name, _ in model.named_parameters()
        if name.startswith(('network.transformer_decoder.', 'head.',
                            'norm_too.')) or '.adapter.' in name
    }
    assert trainable == expected
    assert any(name.startswith('network.backbone.') for name in trainable)


@pytest.mark.parametrize('mode', [True, False])
def test_eval_mode_survives_train(model, mode):
    model.train(mode)
    for name, module in model.named_modules():
        inside = any(name == f or name.startswith(f'{f}.') for f in FROZEN)
        adapter = '.adapter' in name
        assert module.training == (mode and (adapter or not inside)), name


def test_frozen_parts_do_not_drop_or_count(model, inputs):
    model.train()
    image = inputs[0]
    assert any('DropPath' in type(m).__name__ for m in model.modules())
    first = model.network.backbone(image)
    for a, b in zip(first, model.network.backbone(image)):
        assert torch.equal(a, b)
    state = {k: v.clone() for k, v in model.norm.state_dict().items()}
    assert torch.equal(model.norm(image), model.norm(image))
    for key, value in model.norm.state_dict().items():
        assert torch.equal(value, state[key]), key
    # the test can fail: what is not frozen does both
    nn.Module.train(model.network.backbone, True)
    assert not torch.equal(model.network.backbone(image)[-1], first[-1])
    counted = model.norm_too.running_mean.clone()
    model.norm_too(model.norm(image))
    assert not torch.equal(model.norm_too.running_mean, counted)


def test_gradient_passes_through_frozen_layers(model, inputs):
    model.train()
    for adapter in model.modules():
        if isinstance(adapter, BottleneckAdapter):
            nn.init.normal_(adapter.up.weight, std=0.1)
    sum(x.square().sum() for x in model.network(*inputs)).backward()
    for name, parameter in model.named_parameters():
        if name.startswith(('network.backbone', 'network.pixel_decoder')):
            adapter = '.adapter.' in name
            assert (parameter.grad is not None) == adapter, name
    first = model.network.backbone.stages[0].blocks[0].attn.w_msa.proj
    assert first.adapter.down.weight.grad.any()


def test_names_are_paths_not_substrings(model):
    assert resolve_modules(model, ['norm', 'network.backbone']) == [
        model.norm, model.network.backbone
    ]
    assert all(p.requires_grad for p in model.norm_too.parameters())
    assert not any(p.requires_grad for p in model.norm.parameters())
    with pytest.raises(
            ValueError, match=r"Model has no module 'backbone'; .*'network'"):
        resolve_modules(model, ['backbone'])


def test_an_adapter_is_never_frozen(model):
    """Said, where a path would freeze nothing."""
    path = 'network.backbone.stages.0.blocks.0.attn.w_msa.proj.adapter'
    assert isinstance(model.get_submodule(path), BottleneckAdapter)
    with pytest.raises(ValueError, match=f"'{path}' is an adapter"):
        resolve_modules(model, [path])
