# Copyright (c) mmteso contributors. All rights reserved.
"""VGGish's log-mel front end in PyTorch.

The computation is that of ``mel_features.py`` and ``vggish_input.py`` in
tensorflow/models ``research/audioset/vggish`` (torchvggish ships the same),
batched and differentiable. It runs in float64 whatever comes in: in float32
the FFT's rounding error of loud sound, about 1e-5, is 1e-3 of the log offset
0.01 that quiet bands are compared with.
"""
import functools

import torch
from torch import Tensor

from .vggish_params import (EXAMPLE_SAMPLES, FFT_SAMPLES, HOP_SAMPLES,
                            LOG_OFFSET, MEL_BREAK_HZ, MEL_MAX_HZ, MEL_MIN_HZ,
                            MEL_Q, NUM_FRAMES, NUM_MEL_BINS, SAMPLE_RATE,
                            WINDOW_SAMPLES)


def check_waveform(waveform: Tensor, least: int) -> None:
    """Refuse integers, and fewer samples than these."""
    if not waveform.is_floating_point():
        raise TypeError(
            f'A waveform of floats in [-1, 1] is expected, but got '
            f'{waveform.dtype}; divide integers by their full scale.')
    if waveform.shape[-1] < least:
        raise ValueError(f'{waveform.shape[-1]} samples are too few; at least '
                         f'{least} are needed.')


@functools.cache
def _constants(device: torch.device) -> tuple:
    """Window and mel matrix on a device."""
    # Periodic, not symmetric: one full cosine cycle of the window's length.
    window = torch.hann_window(
        WINDOW_SAMPLES, periodic=True, dtype=torch.float64, device=device)
    return window, mel_matrix().to(device)


def mel_matrix(num_bands: int = NUM_MEL_BINS,
               low_hz: float = MEL_MIN_HZ,
               high_hz: float = MEL_MAX_HZ) -> Tensor:
    """The matrix that turns spectra of 512 samples at 16 kHz into mel bands.

    Triangular bands whose slopes are straight on HTK's mel scale, not in
    hertz; the DC bin belongs to none.

    Args:
        num_bands (int): Defaults to VGGish's 64.
        low_hz (float): Lower edge of the lowest band. Defaults to VGGish's.
        high_hz (float): Upper edge of the highest. Defaults to VGGish's.

    Returns:
        Tensor: float64, (257, num_bands): FFT bins x mel bands.
    """

    def mel(hertz: Tensor) -> Tensor:
        return MEL_Q * torch.log1p(hertz / MEL_BREAK_HZ)

    bins = torch.linspace(
        0, SAMPLE_RATE / 2, FFT_SAMPLES // 2 + 1, dtype=torch.float64)
    bins = mel(bins)[:, None]
    low, high = mel(torch.tensor([low_hz, high_hz],
                                 dtype=torch.float64)).tolist()
    edges = torch.linspace(low, high, num_bands + 2, dtype=torch.float64)
    left, center, right = edges[:-2], edges[1:-1], edges[2:]
    return torch.minimum((bins - left) / (center - left),
                         (right - bins) / (right - center)).clamp(min=0)


def log_mel_examples(waveform: Tensor) -> Tensor:
    """Consecutive VGGish examples of sound at 16 kHz.

    As ``torchvggish.vggish_input.waveform_to_examples``: a row of
    ``log(mel + 0.01)`` per complete 25 ms window every 10 ms, 96 rows (0.96 s)
    each, side by side, an incomplete example at the end left out.

    Args:
        waveform (Tensor): Floats, (..., num_samples), mono, nominally in
            [-1, 1], at least 15,600 samples.

    Returns:
        Tensor: (..., num_examples, 1, 96, 64), the network's input layout
        with one channel, in the dtype of the waveform.

    Raises:
        TypeError: If the waveform isn't of floats.
        ValueError: If it is too short for one example.
    """
    check_waveform(waveform, EXAMPLE_SAMPLES)
    window, matrix = _constants(waveform.device)
    rows = waveform.double().unfold(-1, WINDOW_SAMPLES, HOP_SAMPLES)
    rows = rows[..., :rows.shape[-2] // NUM_FRAMES * NUM_FRAMES, :]
    magnitude = torch.fft.rfft(rows * window, n=FFT_SAMPLES).abs()
    log_mel = torch.log(magnitude @ matrix + LOG_OFFSET).to(waveform.dtype)
    return log_mel.unflatten(-2, (-1, 1, NUM_FRAMES))
