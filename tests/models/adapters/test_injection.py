# Copyright (c) mmteso contributors. All rights reserved.
"""Where adapters go, and what can't be adapted."""
import importlib.util

import pytest
import torch
from mmseg.models import ResNet
from torch import nn

from mmteso.models.adapters import (AdaptedLinear, AdaptedMultiheadAttention,
                                    BottleneckAdapter, freeze, inject_adapters,
                                    resolve_modules, set_eval)
from mmteso.models.adapters.injection import FOREIGN_LAYERS, KINDS

PAPER = dict(window=5, deformable=2, cross=2)


def test_the_papers_kinds(network, inputs):
    """Mask2Former's three, by mmseg's and mmdet's own modules."""
    adapters = inject_adapters(network)
    places = [
        name for name, module in network.named_modules()
        if isinstance(getattr(module, 'adapter', None), BottleneckAdapter)
    ]
    assert len(adapters) == sum(PAPER.values())
    for ending, number in (('attn.w_msa.proj', 5),
                           ('self_attn.output_proj', 2), ('cross_attn.attn',
                                                          2)):
        assert sum(name.endswith(ending) for name in places) == number
    for adapter in adapters:
        assert adapter.down.out_features == adapter.up.out_features // 4
    # the query's self-attention only if asked for
    assert len(inject_adapters(network, ['self'])) == 2
    # the stock modules initialise adapted layers, by their classes
    for module in network.children():
        module.init_weights()
    assert all(torch.isfinite(x).all() for x in network(*inputs))


def test_adapted_layers():
    torch.manual_seed(0)
    x = torch.randn(3, 5, 8)
    linear, attention = nn.Linear(8, 8, bias=False), nn.MultiheadAttention(
        8, 2, batch_first=True)
    for layer, adapted, call in (
        (linear, AdaptedLinear(linear, 4), lambda layer: layer(x)),
        (attention, AdaptedMultiheadAttention(attention, 4),
         lambda layer: layer(x, x, x)[0])):
        nn.init.normal_(adapted.adapter.up.weight)
        torch.testing.assert_close(call(adapted), adapted.adapter(call(layer)))
        assert {k for k in adapted.state_dict() if 'adapter' not in k
                } == set(layer.state_dict())
        shared = dict(adapted.named_parameters())
        assert all(shared[k] is p for k, p in layer.named_parameters())


def test_bottleneck():
    """Two layers, residual, an identity at first that can learn."""
    adapter = BottleneckAdapter(8, ratio=2).double()
    x = torch.randn(3, 5, 8).double()
    assert torch.equal(adapter(x), x) and adapter.down.weight.any()
    adapter(x).sin().sum().backward()
    assert adapter.up.weight.grad.any()
    for parameter in adapter.parameters():
        nn.init.normal_(parameter)
    hidden = (x @ adapter.down.weight.T + adapter.down.bias).clamp(min=0)
    assert hidden.shape == (3, 5, 4)
    torch.testing.assert_close(
        adapter(x), x + hidden @ adapter.up.weight.T + adapter.up.bias)
    adapter.init_weights()
    assert torch.equal(adapter(x), x)
    with pytest.raises(ValueError, match='ratio must not exceed .* 8 and 4'):
        BottleneckAdapter(4, ratio=8)


@pytest.mark.parametrize('package', ['transformers', 'timm'])
def test_foreign_layers_are_there(package):
    """A misspelt or renamed class would never be found."""
    pytest.importorskip(package, exc_type=ImportError)
    paths = [key for key in FOREIGN_LAYERS if key[0].startswith(package)]
    assert len(paths) >= 8
    for path, name in paths:
        if importlib.util.find_spec(path.rsplit('.', 1)[0]) is None:
            assert 'dinov3' in path  # in transformers since 4.56
            continue
        assert issubclass(
            getattr(importlib.import_module(path), name), nn.Module)
    assert {kind for rules in FOREIGN_LAYERS.values() for kind, _ in rules
            } <= set(KINDS)


# ---------------------------------------------------------------- errors
class LocalWindowSelfAttention(nn.Module):
    """As HRFormer's."""

    def __init__(self):
        super().__init__()
        self.attn = nn.MultiheadAttention(8, 2)


def test_errors(network, monkeypatch):
    with pytest.raises(ValueError, match=r"kinds must be .*\['selff'\]"):
        inject_adapters(network, ['selff'])
    inject_adapters(network, ['cross'])
    with pytest.raises(ValueError, match="kind 'cross' .* adapters already"):
        inject_adapters(network, ['window', 'cross'])
    # a ResNet has none; what no kind covers is named, in the log too
    resnet = ResNet(18, base_channels=8, stem_channels=8)
    resnet.block = nn.Sequential(LocalWindowSelfAttention())
    with pytest.raises(
            ValueError, match="has .., and .*ResNet's LocalWindowSelfAtt"):
        inject_adapters(resnet, ['window'])
    lines = []
    monkeypatch.setattr('mmteso.models.adapters.injection.print_log',
                        lambda line, logger: lines.append(line))
    network.block = LocalWindowSelfAttention()
    inject_adapters(network, ['self'])
    assert 'LocalWindowSelfAttention' in lines[0]


# ---------------------------------------------------------------- freezing
FROZEN = ('network.backbone', 'network.pixel_decoder', 'norm')


class Model(nn.Module):
    """Everything that eval mode stops, frozen as the segmentor does it."""

    def __init__(self, network, frozen):
        super().__init__()
        self.network = network
        self.norm = nn.Sequential(
            nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Dropout(0.5))
        self.norm_too = nn.BatchNorm2d(4)
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


def below(name, paths):
    return any(f'{name}.'.startswith(f'{path}.') for path in paths)


@pytest.mark.parametrize('mode', [True, False])
def test_frozen_parts(model, mode):
    """No gradient, always in eval mode; adapters inside them train."""
    model.train(mode)
    for name, module in model.named_modules():
        idle = below(name, FROZEN) and '.adapter' not in name
        assert module.training == (mode and not idle), name
    for name, parameter in model.named_parameters():
        idle = below(name, FROZEN) and '.adapter' not in name
        assert parameter.requires_grad != idle, name
    assert model.norm_too.weight.requires_grad  # paths, not substrings
    for wrong, message in (
        ('backbone', "Model has no module 'backbone'; .*'network'"),
        ('network.backbone.stages.0.blocks.0.attn.w_msa.proj.adapter',
         'is an adapter')):
        with pytest.raises(ValueError, match=message):
            resolve_modules(model, [wrong])


def test_frozen_parts_do_not_drop_or_count(model, inputs):
    model.train()
    image = inputs[0]
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


def test_gradient_passes_through_frozen_layers(model, inputs):
    model.train()
    for adapter in model.modules():
        if isinstance(adapter, BottleneckAdapter):
            nn.init.normal_(adapter.up.weight, std=0.1)
    sum(x.square().sum() for x in model.network(*inputs)).backward()
    first = model.network.backbone.stages[0].blocks[0].attn.w_msa.proj
    assert first.adapter.down.weight.grad.any() and first.weight.grad is None
