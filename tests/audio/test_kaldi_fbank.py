# Copyright (c) mmteso contributors. All rights reserved.
import math

import numpy as np
import pytest
import torch

from mmteso.audio import kaldi_fbank


def sounds():
    """A tone, loud noise, noise below one 16-bit step, an offset, silence."""
    time = torch.arange(15600, dtype=torch.float64) / 16000
    rng = torch.Generator().manual_seed(0)
    noise = torch.randn(15600, generator=rng, dtype=torch.float64)
    return torch.stack([0.5 * torch.sin(2 * math.pi * 440 * time), 0.3 * noise,
                        1e-5 * noise, 0.2 + 0.01 * noise, 0 * noise])


def test_equals_the_kaldi_bank_of_transformers():
    audio_utils = pytest.importorskip('transformers.audio_utils')
    filters = audio_utils.mel_filter_bank(
        num_frequency_bins=257, num_mel_filters=128, min_frequency=20,
        max_frequency=8000, sampling_rate=16000, norm=None, mel_scale='kaldi',
        triangularize_in_mel_space=True)
    window = np.hanning(400)**0.85
    waves = sounds()
    actual = kaldi_fbank(waves)
    assert actual.shape == (5, 96, 128) and actual.dtype == torch.float64
    for wave, found in zip(waves, actual):
        expected = audio_utils.spectrogram(
            wave.numpy() * 2**15, window, frame_length=400, hop_length=160,
            fft_length=512, power=2.0, center=False, preemphasis=0.97,
            remove_dc_offset=True, mel_filters=filters, log_mel='log',
            mel_floor=np.finfo(np.float32).eps).T
        # theirs is a float32 inside, which a tone shows
        np.testing.assert_allclose(found.numpy(), expected, atol=2e-3)


def test_shapes_and_silence():
    silence = kaldi_fbank(torch.zeros(2, 3, 16000))
    assert silence.shape == (2, 3, 98, 128)
    assert silence.dtype == torch.float32
    torch.testing.assert_close(
        silence, torch.full_like(silence, math.log(2**-23)))


def test_refusals():
    with pytest.raises(TypeError, match='floats in .*int16'):
        kaldi_fbank(torch.zeros(16000, dtype=torch.int16))
    with pytest.raises(ValueError, match='399 samples are too few'):
        kaldi_fbank(torch.zeros(399))
