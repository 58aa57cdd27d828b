# Copyright (c) mmteso contributors. All rights reserved.
"""72 million parameters: drawn once, and written to disk once.

Files of the real layout that only matter for their keys hold expanded zeros,
which take no space.
"""
from pathlib import Path

import pytest
import torch
from mmseg.registry import MODELS
from torch import nn

torchvggish = pytest.importorskip('torchvggish.torchvggish')


def build(checkpoint=None):
    """Ours; drawing weights that a file replaces takes most of the time."""
    init_cfg = checkpoint and dict(
        type='Pretrained', checkpoint=str(checkpoint))
    with pytest.MonkeyPatch.context() as patch:
        for layer in (nn.Linear, nn.Conv2d):
            patch.setattr(layer, 'reset_parameters', lambda self: None)
        return MODELS.build(dict(type='VGGish', init_cfg=init_cfg))


@pytest.fixture(scope='module')
def stock():
    """torchvggish's own network, its weights drawn at random."""
    torch.manual_seed(0)
    network = torchvggish.VGG(torchvggish.make_layers(), postprocess=False)
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            # else the signal dies out on its way and 0 equals 0
            module.weight.data.mul_(2.4)
    return network.eval()


@pytest.fixture(scope='module')
def encoder(stock, tmp_path_factory):
    """Ours, from a file like vggish-10086976.pth."""
    path = tmp_path_factory.mktemp('vggish') / 'vggish.pth'
    torch.save(stock.state_dict(), path)
    encoder = build(path)
    encoder.init_weights()
    path.unlink()
    return encoder


@pytest.fixture
def light_file(stock, tmp_path):
    """Write a file with the real keys and shapes, without one of them."""

    def write(left_out):
        path = tmp_path / 'light.pth'
        torch.save({key: torch.zeros(()).expand(value.shape)
                    for key, value in stock.state_dict().items()
                    if key != left_out}, path)
        return str(path)

    return write


def test_equals_torchvggish(stock, encoder):
    torch.manual_seed(1)
    log_mel = 2 * torch.randn(2, 1, 96, 64) - 2
    with torch.no_grad():
        expected = stock(log_mel)
    assert expected.shape == (2, encoder.embed_dims) == (2, 128)
    assert (expected > 0).float().mean() > 0.2
    assert (expected[0] - expected[1]).abs().max() > 1e-3
    assert torch.equal(encoder(log_mel), expected)


def test_weights_from_an_url(light_file, monkeypatch, tmp_path):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'cache'))
    encoder = build(Path(light_file(None)).as_uri())
    encoder.init_weights()
    assert not any(value.any() for value in encoder.state_dict().values())


def test_is_frozen(encoder):
    assert not any(p.requires_grad for p in encoder.parameters())
    nn.Sequential(encoder).train()
    assert not any(module.training for module in encoder.modules())
    log_mel = torch.zeros(1, 1, 96, 64, requires_grad=True)
    assert not encoder(log_mel).requires_grad


def test_files_that_will_not_do(light_file, tmp_path):
    path = light_file('embeddings.2.bias')
    with pytest.raises(RuntimeError,
                       match=r'light\.pth.*missing.*embeddings\.2\.bias'):
        build(path).init_weights()
    with pytest.raises(FileNotFoundError,
                       match=r'nowhere\.pth.*vggish-10086976\.pth.*init_cfg'):
        build(tmp_path / 'nowhere.pth').init_weights()
