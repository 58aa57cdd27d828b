# Copyright (c) mmteso contributors. All rights reserved.
import math

import numpy as np
import pytest
import torch

from mmteso.audio import log_mel_examples


def sounds():
    """(name, float64 waveform) of very different spectra and loudness."""
    rng = np.random.default_rng(0)
    time = np.arange(80000) / 16000
    return dict(
        noise=rng.standard_normal(80000) * 0.3,
        # full-scale bass: quiet bands next to loud ones
        bass=np.sin(2 * np.pi * 60 * time),
        chirp=0.7 * np.sin(2 * np.pi * (200 + 700 * time) * time),
        faint=rng.standard_normal(80000) * 1e-4,
        clicks=(np.arange(80000) % 1600 == 0).astype(float),
        silence=np.zeros(80000))


@pytest.mark.parametrize('name', sounds())
def test_equals_torchvggish(name):
    vggish_input = pytest.importorskip('torchvggish.vggish_input')
    # what a 16-bit wav file can hold
    waveform = np.round(sounds()[name].clip(-1, 0.9999) * 32768) / 32768
    expected = vggish_input.waveform_to_examples(waveform, 16000).detach()
    result = log_mel_examples(torch.from_numpy(waveform).float())
    assert result.shape == expected.shape == (5, 1, 96, 64)
    torch.testing.assert_close(result, expected, atol=1e-4, rtol=0)


def test_stored_numbers():
    """Made by torchvggish 0.2 (numpy) from the same waveform."""
    time = torch.arange(15600, dtype=torch.float64) / 16000
    waveform = 0.5 * torch.sin(2 * math.pi * 1000 * time) * (1 - time)
    result = log_mel_examples(waveform)[0, 0]
    found = result[[0, 0, 50, 95, 95], [0, 18, 18, 18, 63]]
    expected = torch.tensor([-4.54300127, 1.98802967, 1.28373128, -1.21098923,
                             -4.60508629], dtype=torch.float64)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_errors():
    with pytest.raises(ValueError, match='15599 samples are too few'):
        log_mel_examples(torch.zeros(15599))
    with pytest.raises(TypeError, match='torch.int16; divide'):
        log_mel_examples(torch.zeros(15600, dtype=torch.int16))
