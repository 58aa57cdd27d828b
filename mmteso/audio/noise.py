# Copyright (c) mmteso contributors. All rights reserved.
"""White Gaussian noise at a level in dB.

TeSO's audio control replaces the sound by noise of 10 dB and of 40 dB; what
these dB refer to isn't known. The references below are this project's
reading; a table says which one it used.
"""
from typing import Optional

import numpy as np

NOISE_REFERENCES = ('snr', 'pcm16', 'full_scale')

_PCM16_STEP = 1 / 32768


def noise_std(level_db: float,
              reference: str = 'snr',
              waveform: Optional[np.ndarray] = None) -> float:
    """Standard deviation of the noise for a level.

    Args:
        level_db (float): The level in dB.
        reference (str): What the level refers to:

            - ``'snr'``: the noise's power lies ``level_db`` *below* the power
              (mean square) of ``waveform``, the sound that it replaces. More
              dB are less noise; a silent sound gives a deviation of 0.
            - ``'pcm16'``: the deviation lies ``level_db`` above one 16-bit
              step, 1 / 32768.
            - ``'full_scale'``: the deviation lies ``level_db`` above
              amplitude 1.

            Defaults to 'snr'.
        waveform (np.ndarray, optional): The replaced sound, only for 'snr'.
            Defaults to None.

    Returns:
        float: The deviation, in units of full scale.

    Raises:
        ValueError: If the reference is unknown, or 'snr' has no waveform.
    """
    if reference == 'snr':
        if waveform is None:
            raise ValueError(
                "reference='snr' needs the waveform that is replaced.")
        power = np.mean(np.square(np.asarray(waveform, dtype=np.float64)))
        return float(np.sqrt(power) * 10**(-level_db / 20))
    if reference == 'pcm16':
        return _PCM16_STEP * 10**(level_db / 20)
    if reference == 'full_scale':
        return 10**(level_db / 20)
    raise ValueError(f'reference must be one of {NOISE_REFERENCES}, but got '
                     f'{reference!r}.')


def white_noise(waveform: np.ndarray,
                level_db: float,
                reference: str = 'snr',
                *,
                generator: np.random.Generator) -> np.ndarray:
    """White Gaussian noise in place of a sound: noise alone, no mixture.

    Args:
        waveform (np.ndarray): The sound that is replaced, of any shape. Its
            values matter only for ``reference='snr'``.
        level_db (float): The level in dB.
        reference (str): See :func:`noise_std`. With 'full_scale' the noise
            is clipped to [-1, 1]; at 10 dB and more most of it is.
            Defaults to 'snr'.
        generator (np.random.Generator): Source of the noise.

    Returns:
        np.ndarray: The noise, in the shape and dtype of ``waveform``.
    """
    std = noise_std(level_db, reference, waveform)
    noise = generator.standard_normal(waveform.shape) * std
    if reference == 'full_scale':
        noise = noise.clip(-1, 1)
    return noise.astype(waveform.dtype)
