# Copyright (c) mmteso contributors. All rights reserved.
import pytest
import torch
from mmseg.registry import MODELS

from mmteso.models.adapters import BottleneckAdapter


def test_equals_reference():
    torch.manual_seed(0)
    adapter = MODELS.build(
        dict(type='BottleneckAdapter', embed_dims=8, ratio=2)).double()
    for parameter in adapter.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.randn(3, 5, 8, dtype=torch.float64)
    hidden = (x @ adapter.down.weight.T + adapter.down.bias).clamp(min=0)
    assert hidden.shape == (3, 5, 4)
    expected = x + hidden @ adapter.up.weight.T + adapter.up.bias
    torch.testing.assert_close(adapter(x), expected)


def test_starts_as_identity():
    adapter = BottleneckAdapter(8)
    x = torch.randn(3, 5, 8)
    assert torch.equal(adapter(x), x)
    assert adapter.down.out_features == 2
    # only half of it: with both layers zero nothing would ever train
    assert adapter.down.weight.any()


def test_learns_from_the_start():
    adapter = BottleneckAdapter(8)
    adapter(torch.randn(3, 8)).sin().sum().backward()
    assert adapter.up.weight.grad.any() and adapter.up.bias.grad.any()
    assert adapter.down.weight.grad is not None


def test_init_weights_makes_it_an_identity_again():
    """What Runner.train() overwrites."""
    adapter = BottleneckAdapter(8)
    for parameter in adapter.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.randn(3, 8)
    assert not torch.allclose(adapter(x), x)
    adapter.init_weights()
    assert torch.equal(adapter(x), x)


def test_ratio_must_leave_a_channel():
    assert BottleneckAdapter(4, ratio=4).down.out_features == 1
    with pytest.raises(ValueError, match='ratio must not exceed .* 8 and 4'):
        BottleneckAdapter(4, ratio=8)
