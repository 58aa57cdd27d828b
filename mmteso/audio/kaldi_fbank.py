# Copyright (c) mmteso contributors. All rights reserved.
"""Kaldi's log-mel filter bank in PyTorch, the front end of BEATs.

What ``torchaudio.compliance.kaldi.fbank`` computes with its defaults and 128
bands, for any number of clips at once. It runs in float64: in float32 the
rounding error of a loud tone is 0.1 in bands that hold almost nothing.
"""
import functools

import torch
from torch import Tensor

FBANK_SAMPLE_RATE = 16000
"""Samples per second."""

FBANK_BANDS = 128
"""Mel bands."""

FBANK_WINDOW = 400
"""Length of an analysis window: 25 ms."""

FBANK_HOP = 160
"""Distance between the starts of two windows: 10 ms."""

_FFT = 512
_FULL_SCALE = 2**15  # Kaldi reads 16-bit integers
_PREEMPHASIS = 0.97
_LOW_HZ = 20.
# float32's, whatever the precision here: Kaldi's floor
_FLOOR = torch.finfo(torch.float32).eps


def _mel(hertz: Tensor) -> Tensor:
    return 1127. * torch.log1p(hertz / 700.)


@functools.cache
def _constants(device: torch.device) -> tuple:
    """Window (400) and mel matrix (257, 128)."""
    window = torch.hann_window(
        FBANK_WINDOW, periodic=False, dtype=torch.float64)**0.85  # Povey's
    hertz = torch.tensor([_LOW_HZ, FBANK_SAMPLE_RATE / 2], dtype=torch.float64)
    low, high = _mel(hertz).tolist()
    edges = torch.linspace(low, high, FBANK_BANDS + 2, dtype=torch.float64)
    bins = _mel(
        torch.arange(_FFT // 2 + 1, dtype=torch.float64) * FBANK_SAMPLE_RATE /
        _FFT)[:, None]
    left, center, right = edges[:-2], edges[1:-1], edges[2:]
    matrix = torch.minimum((bins - left) / (center - left),
                           (right - bins) / (right - center)).clamp(min=0)
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
    if not waveform.is_floating_point():
        raise TypeError(
            f'A waveform of floats in [-1, 1] is expected, but got '
            f'{waveform.dtype}; divide integers by their full scale.')
    if waveform.shape[-1] < FBANK_WINDOW:
        raise ValueError(
            f'{waveform.shape[-1]} samples are too few for one window of '
            f'{FBANK_WINDOW}.')
    window, matrix = _constants(waveform.device)
    rows = (waveform.double() * _FULL_SCALE).unfold(-1, FBANK_WINDOW,
                                                    FBANK_HOP)
    rows = rows - rows.mean(-1, keepdim=True)
    # the first sample of a window is its own predecessor
    before = torch.cat([rows[..., :1], rows[..., :-1]], dim=-1)
    rows = (rows - _PREEMPHASIS * before) * window
    power = torch.fft.rfft(rows, n=_FFT).abs().square()
    bands = power @ matrix
    return bands.clamp(min=_FLOOR).log().to(waveform.dtype)
