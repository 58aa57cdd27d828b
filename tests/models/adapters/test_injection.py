# Copyright (c) mmteso contributors. All rights reserved.
import re

import pytest
import torch
from mmseg.registry import MODELS
from torch import nn

from mmteso.models.adapters import (AdaptedLinear, AdaptedMultiheadAttention,
                                    BottleneckAdapter, inject_adapters)

# how many attention layers the tiny network has of each kind, and where
COUNTS = dict(window=5, deformable=2, cross=2)
COUNTS['self'] = 2
PLACES = {
    'window': r'^backbone\.stages\.\d\.blocks\.\d\.attn\.w_msa\.proj$',
    'deformable':
    r'^pixel_decoder\.encoder\.layers\.\d\.self_attn\.output_proj$',
    'cross': r'^transformer_decoder\.layers\.\d\.cross_attn\.attn$',
    'self': r'^transformer_decoder\.layers\.\d\.self_attn\.attn$',
}
PAPER = ('window', 'deformable', 'cross')
ALL = (*PAPER, 'self')


def outputs(network, inputs):
    network.eval()
    with torch.no_grad():
        return network(*inputs)


def differs(a, b):
    return [not torch.equal(x, y) for x, y in zip(a, b)]


@pytest.mark.parametrize('kinds', [*((kind, ) for kind in ALL), PAPER, ALL])
def test_injection(network, inputs, kinds):
    before = outputs(network, inputs)
    state = {k: v.clone() for k, v in network.state_dict().items()}
    adapters = inject_adapters(network, kinds)

    # where the paper wants them, and nowhere else
    places = [
        name for name, module in network.named_modules()
        if isinstance(getattr(module, 'adapter', None), BottleneckAdapter)
    ]
    for kind in kinds:
        assert sum(bool(re.match(PLACES[kind], place))
                   for place in places) == COUNTS[kind]
    assert len(places) == len(adapters) == sum(COUNTS[k] for k in kinds)

    # a checkpoint of the stock network loads as it is
    adapted = network.state_dict()
    assert not set(state) - set(adapted)
    assert all('.adapter.' in key for key in set(adapted) - set(state))
    assert all(torch.equal(adapted[key], state[key]) for key in state)
    keys = network.load_state_dict(state, strict=False)
    assert not keys.unexpected_keys
    assert len(keys.missing_keys) == 4 * len(adapters)

    # an identity at first, to the last bit
    assert differs(outputs(network, inputs), before) == [False, False]

    # each adapter has a say
    for adapter in adapters:
        nn.init.normal_(adapter.up.bias)
        assert any(differs(outputs(network, inputs), before))
        nn.init.zeros_(adapter.up.bias)
    assert differs(outputs(network, inputs), before) == [False, False]


def test_default_is_the_papers(network):
    assert len(inject_adapters(network)) == sum(COUNTS[k] for k in PAPER)
    for adapter in (m for m in network.modules()
                    if isinstance(m, BottleneckAdapter)):
        width = adapter.up.out_features
        assert adapter.down.out_features == width // 4


def test_training_step_reaches_every_adapter(network, inputs):
    adapters = inject_adapters(network, ALL)
    network.requires_grad_(False)
    for adapter in adapters:
        adapter.requires_grad_(True)
        nn.init.normal_(adapter.up.weight, std=0.1)
    sum(x.square().sum() for x in network(*inputs)).backward()
    for name, parameter in network.named_parameters():
        assert (parameter.grad is not None) == ('.adapter.' in name), name
    for adapter in adapters:
        assert adapter.up.weight.grad.any() and adapter.down.weight.grad.any()


def test_init_weights_of_the_stock_modules_still_works(network):
    """They look for nn.Linear and for MultiScaleDeformableAttention."""
    inject_adapters(network, ALL)
    for module in (network.backbone, network.pixel_decoder,
                   network.transformer_decoder):
        module.init_weights()


def test_adapted_linear():
    torch.manual_seed(0)
    linear = nn.Linear(6, 8, bias=False).double()
    adapted = AdaptedLinear(linear, 4)
    assert adapted.weight is linear.weight and adapted.bias is None
    assert adapted.adapter.up.weight.dtype == torch.float64
    x = torch.randn(3, 6, dtype=torch.float64)
    assert torch.equal(adapted(x), linear(x))
    nn.init.normal_(adapted.adapter.up.weight)
    torch.testing.assert_close(adapted(x), adapted.adapter(linear(x)))
    assert not torch.equal(adapted(x), linear(x))


@pytest.mark.parametrize('mode', [
    dict(),
    dict(bias=False),
    dict(kdim=4, vdim=6),
    dict(add_bias_kv=True),
    dict(add_zero_attn=True)
])
@pytest.mark.parametrize('batch_first', [True, False])
def test_adapted_multihead_attention(mode, batch_first):
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(8, 2, batch_first=batch_first, **mode)
    attention.double().eval()
    for parameter in attention.parameters():
        nn.init.normal_(parameter, std=0.5)
    adapted = AdaptedMultiheadAttention(attention, 4)
    assert not adapted.training
    for name, parameter in attention.named_parameters():
        assert adapted.get_parameter(name) is parameter
    query, key, value = (
        torch.randn(3, 3, width, dtype=torch.float64)
        for width in (8, attention.kdim, attention.vdim))
    blocked = torch.eye(3).bool()
    expected = attention(query, key, value, attn_mask=blocked)
    actual = adapted(query, key, value, attn_mask=blocked)
    for a, b in zip(actual, expected):
        assert torch.equal(a, b)
    nn.init.normal_(adapted.adapter.up.weight)
    output, weights = adapted(query, key, value, attn_mask=blocked)
    torch.testing.assert_close(output, adapted.adapter(expected[0]))
    assert not torch.allclose(output, expected[0])
    assert torch.equal(weights, expected[1])


def test_fused_attention_is_adapted_too(monkeypatch):
    """In eval mode without gradients torch calls one fused function."""
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    adapted = AdaptedMultiheadAttention(attention, 4).eval()
    nn.init.normal_(adapted.adapter.up.weight)
    x = torch.randn(2, 5, 8)
    slow, _ = adapted(x, x, x, need_weights=False)
    fused, calls = torch._native_multi_head_attention, []

    def counted(*args, **kwargs):
        calls.append(args)
        return fused(*args, **kwargs)

    monkeypatch.setattr(torch, '_native_multi_head_attention', counted)
    with torch.no_grad():
        fast, _ = adapted(x, x, x, need_weights=False)
        plain, _ = attention.eval()(x, x, x, need_weights=False)
    assert len(calls) == 2, 'torch did not take its fast path'
    torch.testing.assert_close(fast, slow)
    torch.testing.assert_close(fast, adapted.adapter(plain))
    assert not torch.allclose(fast, plain)


def test_dropout_is_kept():
    attention = nn.MultiheadAttention(8, 2, dropout=0.5, batch_first=True)
    adapted = AdaptedMultiheadAttention(attention, 4)
    assert adapted.dropout == 0.5 and adapted.training
    x = torch.randn(2, 5, 8)
    assert not torch.equal(adapted(x, x, x)[0], adapted(x, x, x)[0])


def test_unknown_kind(network):
    with pytest.raises(ValueError, match=r"kinds must be among .*\['conv'\]"):
        inject_adapters(network, ['window', 'conv'])


def test_kind_that_the_model_lacks(network):
    """A ResNet has no W-MSA; nothing is adapted half-way."""
    network.backbone = MODELS.build(
        dict(type='ResNet', depth=18, base_channels=4, stem_channels=4))
    with pytest.raises(
            ValueError,
            match=r"kind \['window'\].*TinyMask2Former.*kinds="
            r"\['deformable', 'cross', 'self'\]"):
        inject_adapters(network)
    assert not any(
        isinstance(module, BottleneckAdapter) for module in network.modules())
    assert len(inject_adapters(network, ('deformable', 'cross'))) == 4


def test_no_layer_is_adapted_twice(network):
    """The second adapter would replace the first, silently."""
    assert len(inject_adapters(network, ('cross', 'cross'))) == 2
    with pytest.raises(ValueError, match=r"\['cross'\].*already"):
        inject_adapters(network, ('self', 'cross'))
    assert len(inject_adapters(network, ('self', ))) == 2
