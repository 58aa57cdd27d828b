# Copyright (c) mmteso contributors. All rights reserved.
"""VGGish's log-mel front end in PyTorch.

The computation is that of ``mel_features.py`` and ``vggish_input.py`` in
tensorflow/models ``research/audioset/vggish`` (torchvggish ships the same),
batched. The FFT runs in float64 whatever comes in: in float32 its rounding
error of loud sound, about 1e-5, is 1e-3 of the log offset 0.01 that quiet
bands are compared with. What follows adds up what is positive, in float32.
"""
import functools

import torch
from torch import Tensor
from torch.nn.functional import pad

from .vggish_params import (EXAMPLE_SAMPLES, FFT_SAMPLES, HOP_SAMPLES,
                            LOG_OFFSET, MEL_BREAK_HZ, MEL_MAX_HZ, MEL_MIN_HZ,
                            MEL_Q, NUM_FRAMES, NUM_MEL_BINS, SAMPLE_RATE,
                            WINDOW_SAMPLES)

PADDING = FFT_SAMPLES - WINDOW_SAMPLES
CHUNK = 2 * NUM_FRAMES  # rows at a time


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
    """Window, with zeros up to the FFT's length, and mel matrix."""
    # Periodic, not symmetric: one full cosine cycle of the window's length.
    window = torch.hann_window(
        WINDOW_SAMPLES, periodic=True, dtype=torch.float64, device=device)
    return pad(window, (0, PADDING)), mel_matrix().float().to(device)


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


@torch.no_grad()
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
        with one channel, in the dtype of the waveform, without gradient.

    Raises:
        TypeError: If the waveform isn't of floats.
        ValueError: If it is too short for one example.
    """
    check_waveform(waveform, EXAMPLE_SAMPLES)
    window, matrix = _constants(waveform.device)
    clips = waveform.reshape(-1, waveform.shape[-1])
    num_rows = (clips.shape[1] - WINDOW_SAMPLES) // HOP_SAMPLES + 1
    num_rows -= num_rows % NUM_FRAMES
    bands = matrix.new_empty(len(clips), num_rows, NUM_MEL_BINS)
    for clip, out in zip(clips, bands):
        # the last window reaches beyond the waveform, where it is zero
        rows = pad(clip.double(), (0, PADDING)).unfold(
            0, FFT_SAMPLES, HOP_SAMPLES)[:num_rows]
        # so few at a time that they stay in the processor's cache
        for part, mel in zip(rows.split(CHUNK), out.split(CHUNK)):
            spectrum = torch.view_as_real(torch.fft.rfft(part * window))
            power = spectrum.float().square_()
            magnitude = (power[..., 0] + power[..., 1]).sqrt_()
            torch.mm(magnitude, matrix, out=mel)
    log_mel = bands.add_(LOG_OFFSET).log_().to(waveform.dtype)
    return log_mel.reshape(*waveform.shape[:-1], *bands.shape[1:]).unflatten(
        -2, (-1, 1, NUM_FRAMES))
