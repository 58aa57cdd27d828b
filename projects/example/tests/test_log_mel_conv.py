# Copyright (c) mmteso contributors. All rights reserved.
import pytest
import torch
from mmseg.registry import MODELS

from mmteso.audio import log_mel_examples
from mmteso_example import LogMelConv


def build(**kwargs):
    torch.manual_seed(0)
    encoder = MODELS.build(dict(type='LogMelConv', **kwargs))
    encoder.init_weights()
    return encoder


def blip(row, band):
    """Silence, but for 4 x 4 bins of the log-mel."""
    log_mel = log_mel_examples(torch.zeros(15600)).float()
    log_mel[..., row:row + 4, band:band + 4] += 4.
    return log_mel


def test_says_what_it_reads_and_gives():
    encoder = build()
    assert isinstance(encoder, LogMelConv)
    assert encoder.input_key == 'log_mel'
    assert encoder(torch.randn(3, 1, 96, 64)).shape == \
        (3, encoder.embed_dims) == (3, 128)


@pytest.mark.parametrize('channels', [(4, ), (4, 4, 8, 8, 8, 8)])
def test_other_sizes(channels):
    encoder = build(channels=channels, embed_dims=24)
    assert encoder(torch.randn(2, 1, 96, 64)).shape == \
        (2, encoder.embed_dims) == (2, 24)


def test_silence_is_zero_whatever_the_weights():
    encoder = build()
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter)
    silence = log_mel_examples(torch.zeros(15600)).float()
    assert torch.equal(encoder(silence), torch.zeros(1, 128))
    assert encoder(blip(40, 20)).norm() > 0


def test_pitch_matters_and_the_moment_does_not():
    """Moved by 16, a multiple of the strides, away from the borders."""
    encoder = build()
    here, later, higher = (
        encoder(blip(*place)) for place in ((40, 20), (56, 20), (40, 36)))
    torch.testing.assert_close(later, here, atol=1e-5, rtol=1e-4)
    assert (higher - here).norm() > 0.1 * here.norm()


def test_scale_is_kept_without_normalisation():
    """He's initialisation; PyTorch's own would shrink it twentyfold."""
    encoder = build()
    log_mel = torch.randn(8, 1, 96, 64) - 4.6
    maps = encoder.convs(log_mel + 4.6)
    assert 0.3 < (maps.pow(2).mean() / log_mel.var()).sqrt() < 3


def test_everything_in_it_trains():
    encoder = build()
    encoder(torch.randn(2, 1, 96, 64)).pow(2).mean().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad.abs().max() > 0, name
