# Copyright (c) mmteso contributors. All rights reserved.
"""White Gaussian noise at a level in dB.

TeSO's audio control replaces the sound by noise of 10 dB and of 40 dB; what
these dB refer to isn't known. The references below are ours.
"""
import numpy as np

from mmteso.choices import NOISE_REFERENCES, check_choices

_PCM16_STEP = 1 / 32768


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
        reference (str): What the level refers to:

            - ``'snr'``: the noise's power lies ``level_db`` *below* the power
              (mean square) of ``waveform``. More dB are less noise; a silent
              sound gives silence.
            - ``'pcm16'``: the deviation lies ``level_db`` above one 16-bit
              step, 1 / 32768.
            - ``'full_scale'``: the deviation lies ``level_db`` above
              amplitude 1, and the noise is clipped to [-1, 1]; at 10 dB and
              more most of it is.

            Defaults to 'snr'.
        generator (np.random.Generator): Source of the noise.

    Returns:
        np.ndarray: The noise, in the shape and dtype of ``waveform``.

    Raises:
        ValueError: If the reference is unknown.
    """
    check_choices(reference=(reference, NOISE_REFERENCES))
    if reference == 'snr':
        power = np.mean(np.square(waveform, dtype=np.float64))
        std = np.sqrt(power) * 10**(-level_db / 20)
    elif reference == 'pcm16':
        std = _PCM16_STEP * 10**(level_db / 20)
    else:
        std = 10**(level_db / 20)
    noise = generator.standard_normal(waveform.shape) * std
    if reference == 'full_scale':
        noise = noise.clip(-1, 1)
    return noise.astype(waveform.dtype)
