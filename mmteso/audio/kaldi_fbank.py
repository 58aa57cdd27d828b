# Copyright (c) mmteso contributors. All rights reserved.
"""Kaldi's log-mel filter bank in PyTorch, the front end of BEATs.

What ``torchaudio.compliance.kaldi.fbank`` computes with its defaults and 128
bands, for any number of clips at once. It runs in float64: in float32 the
rounding error of a loud tone is 0.1 in bands that hold almost nothing.
"""
import functools

import torch
from torch import Tensor

from .log_mel import check_waveform, mel_matrix
from .vggish_params import (FFT_SAMPLES, HOP_SAMPLES, SAMPLE_RATE,
                            WINDOW_SAMPLES)

# the same as VGGish's
FBANK_SAMPLE_RATE, FBANK_WINDOW = SAMPLE_RATE, WINDOW_SAMPLES

FBANK_BANDS = 128
"""Mel bands."""

_FULL_SCALE = 2**15  # Kaldi reads 16-bit integers
_PREEMPHASIS = 0.97
# float32's, whatever the precision here: Kaldi's floor
_FLOOR = torch.finfo(torch.float32).eps


@functools.cache
def _constants(device: torch.device) -> tuple:
    window = torch.hann_window(
        WINDOW_SAMPLES, periodic=False, dtype=torch.float64)**0.85  # Povey's
    matrix = mel_matrix(FBANK_BANDS, 20., SAMPLE_RATE / 2)
    return window.to(device), matrix.to(device)


def kaldi_fbank(waveform: Tensor) -> Tensor:
    """Log-mel filter bank of sound at 16 kHz.

    Args:
        waveform (Tensor): Floats, (..., num_samples), mono, nominally in
            [-1, 1].

    Returns:
        Tensor: (..., num_rows, 128), in the dtype of the waveform, one row per
        complete 25 ms window every 10 ms; of 0.975 s there are 96. Digital
        silence is log(1.19e-7) = -15.942.

    Raises:
        TypeError: If the waveform isn't of floats.
        ValueError: If it is shorter than one window.
    """
    check_waveform(waveform, WINDOW_SAMPLES)
    window, matrix = _constants(waveform.device)
    rows = (waveform.double() * _FULL_SCALE).unfold(-1, WINDOW_SAMPLES,
                                                    HOP_SAMPLES)
    rows = rows - rows.mean(-1, keepdim=True)
    # the first sample of a window is its own predecessor
    before = torch.cat([rows[..., :1], rows[..., :-1]], dim=-1)
    rows = (rows - _PREEMPHASIS * before) * window
    power = torch.fft.rfft(rows, n=FFT_SAMPLES).abs().square()
    bands = power @ matrix
    return bands.clamp(min=_FLOOR).log().to(waveform.dtype)
