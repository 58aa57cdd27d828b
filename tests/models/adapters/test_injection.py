# Copyright (c) mmteso contributors. All rights reserved.
"""Where adapters go, and what can't be adapted."""

import pytest
import torch
from mmseg.models import ResNet
from narrow import adapters_of, build, stock_model
from torch import nn

from mmteso.models.adapters import (BottleneckAdapter, inject_adapters,
                                    resolve_modules)


@pytest.fixture
def network():
    """mmseg's own Mask2Former."""
    return build(stock_model('swin-b'))


def test_the_papers_kinds(network):
    """Mask2Former's three."""
    adapters = inject_adapters(network)
    assert adapters == list(adapters_of(network).values())
    for ending, number in (('attn.w_msa.proj', 5),
                           ('self_attn.output_proj', 2),
                           ('cross_attn.attn', 4)):
        assert sum(name.endswith(f'{ending}.adapter')
                   for name in adapters_of(network)) == number
    for adapter in adapters:
        assert adapter.down.out_features == adapter.up.out_features // 4
    # the query's self-attention only if asked for
    assert len(inject_adapters(network, ['self'])) == 4


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


class LocalWindowSelfAttention(nn.Module):
    """As HRFormer's."""

    def __init__(self):
        super().__init__()
        self.attn = nn.MultiheadAttention(8, 2)


def test_errors(network, monkeypatch):
    with pytest.raises(ValueError, match=r"kinds must be .*\['selff'\]"):
        inject_adapters(network, ['selff'])
    inject_adapters(network, ['window'])
    with pytest.raises(ValueError, match="kind 'window' .* adapters already"):
        inject_adapters(network, ['window', 'cross'])
    with pytest.raises(ValueError, match="has no module 'head'; .*'backbone'"):
        resolve_modules(network, ['head'])
    with pytest.raises(ValueError, match='is an adapter'):
        resolve_modules(network, [next(iter(adapters_of(network)))])
    # a ResNet has none; what no kind covers is named, in the log too
    resnet = ResNet(18, base_channels=8, stem_channels=8)
    resnet.block = nn.Sequential(LocalWindowSelfAttention())
    with pytest.raises(
            ValueError, match="has .., and .*ResNet's LocalWindowSelfAtt"):
        inject_adapters(resnet, ['window'])
    lines = []
    monkeypatch.setattr('mmteso.models.adapters.injection.print_log',
                        lambda line, logger: lines.append(line))
    network.backbone.block = LocalWindowSelfAttention()
    inject_adapters(network, ['self'])
    assert 'LocalWindowSelfAttention' in lines[0]
