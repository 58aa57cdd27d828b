# Copyright (c) mmteso contributors. All rights reserved.
"""What must hold for the adapters of any network."""
import copy

import torch
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from torch import nn

from mmteso.models.adapters import inject_adapters
from mmteso.models.adapters.injection import find_attention

PLAIN = dict(channels=8, num_classes=2, align_corners=False)


def build(config):
    init_default_scope('mmseg')
    torch.manual_seed(0)
    return MODELS.build(ConfigDict(copy.deepcopy(config)))


def shake(network, seed=0):
    """Wide weights: a random attention is all but uniform, its layer scale
    all but zero."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.2 * torch.randn(parameter.shape, generator=rng)


def maps(network, images):
    outputs = network(images)
    if isinstance(outputs, torch.Tensor):
        return [outputs]
    return [m for part in outputs for m in
            (part if isinstance(part, (list, tuple)) else [part])]


def same(some, others):
    return all(torch.equal(a, b) for a, b in zip(some, others))


def check(network, images, counts, forward=maps):
    """What must hold for the adapters of any network."""
    shake(network)
    network.eval()
    layers, others = find_attention(network)
    assert {kind: len(places) for kind, places in layers.items()} == counts
    assert others == []
    state = {k: v.clone() for k, v in network.state_dict().items()}
    slow = forward(network, images)
    with torch.no_grad():  # torch has fused functions for this
        fast = forward(network, images)

    adapters = inject_adapters(network, tuple(counts))
    assert len(adapters) == sum(counts.values())
    adapted = network.state_dict()
    added = set(adapted) - set(state)
    assert not set(state) - set(adapted)
    assert len(added) == 4 * len(adapters)
    assert all('.adapter.' in key for key in added)
    keys = network.load_state_dict(state, strict=False)
    assert not keys.unexpected_keys and set(keys.missing_keys) == added

    # identities at first, to the last bit
    assert same(forward(network, images), slow)
    with torch.no_grad():
        assert same(forward(network, images), fast)
        # each has a say
        for adapter in adapters:
            nn.init.normal_(adapter.up.bias)
            assert not same(forward(network, images), fast)
            nn.init.zeros_(adapter.up.bias)
        assert same(forward(network, images), fast)

    # and learns, alone, in training mode too
    network.requires_grad_(False)
    for adapter in adapters:
        adapter.requires_grad_(True)
        nn.init.normal_(adapter.up.weight, std=0.1)
        nn.init.ones_(adapter.down.bias)  # in the ReLU's open half
    for mode in (False, True):
        network.train(mode)
        network.zero_grad()
        sum(m.square().sum() for m in forward(network, images)).backward()
        for name, parameter in network.named_parameters():
            assert (parameter.grad is not None) == ('.adapter.' in name), name
        for adapter in adapters:
            assert adapter.up.weight.grad.any()
            assert adapter.down.weight.grad.any()
