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


def check_waveform(waveform: Tensor) -> None:
    """Refuse integers, and what is shorter than one analysis window."""
    if not waveform.is_floating_point():
        raise TypeError(
            f'A waveform of floats in [-1, 1] is expected, but got '
            f'{waveform.dtype}; divide integers by their full scale.')
    if waveform.shape[-1] < WINDOW_SAMPLES:
        raise ValueError(f'{waveform.shape[-1]} samples are too few for one '
                         f'window of {WINDOW_SAMPLES}.')


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


def log_mel_spectrogram(waveform: Tensor) -> Tensor:
    """Log-mel spectrogram of sound at 16 kHz.

    Args:
        waveform (Tensor): Floats, (..., num_samples), mono, nominally in
            [-1, 1].

    Returns:
        Tensor: (..., num_rows, 64) of ``log(mel + 0.01)``, in the dtype of
        the waveform, one row per complete 25 ms window every 10 ms.

    Raises:
        TypeError: If the waveform isn't of floats.
        ValueError: If it is shorter than one window.
    """
    check_waveform(waveform)
    window, matrix = _constants(waveform.device)
    rows = waveform.double().unfold(-1, WINDOW_SAMPLES, HOP_SAMPLES)
    magnitude = torch.fft.rfft(rows * window, n=FFT_SAMPLES).abs()
    return torch.log(magnitude @ matrix + LOG_OFFSET).to(waveform.dtype)


def log_mel_examples(waveform: Tensor) -> Tensor:
    """Consecutive VGGish examples of sound at 16 kHz.

    As ``torchvggish.vggish_input.waveform_to_examples``: 96 rows (0.96 s)
    each, side by side, an incomplete one at the end left out.

    Args:
        waveform (Tensor): Floats, (..., num_samples), at least 15,600
            samples.

    Returns:
        Tensor: (..., num_examples, 1, 96, 64), the network's input layout
        with one channel.

    Raises:
        TypeError: If the waveform isn't of floats.
        ValueError: If it is too short for one example.
    """
    if waveform.shape[-1] < EXAMPLE_SAMPLES:
        raise ValueError(
            f'{waveform.shape[-1]} samples are too few for one VGGish example '
            f'of {EXAMPLE_SAMPLES} ({EXAMPLE_SAMPLES / SAMPLE_RATE} s at '
            f'{SAMPLE_RATE} Hz).')
    rows = log_mel_spectrogram(waveform)
    num_examples = rows.shape[-2] // NUM_FRAMES
    rows = rows[..., :num_examples * NUM_FRAMES, :]
    return rows.reshape(*rows.shape[:-2], num_examples, 1, NUM_FRAMES,
                        NUM_MEL_BINS)
