# Copyright (c) mmteso contributors. All rights reserved.
"""What SynthAVS's objects sound like: partials, modulation, noise bands."""
from dataclasses import dataclass
from typing import Optional, Tuple

import numpy as np

#: Samples per second of ``audio.wav``.
SAMPLE_RATE = 16000

NOISE_COLOURS = ('white', 'pink', 'brown')

# Slope of the amplitude spectrum over frequency, as a power.
_SLOPES = {'white': 0.0, 'pink': -0.5, 'brown': -1.0}


@dataclass(frozen=True)
class Timbre:
    """Sound of a class."""
    pitch: float  # fundamental in Hz
    partials: Tuple[Tuple[float, float], ...]  # ratios to it, amplitudes
    tremolo: Tuple[float, float] = (1.0, 0.0)  # rate in Hz, depth in [0, 1)
    vibrato: Tuple[float, float] = (1.0, 0.0)  # rate in Hz, depth of the pitch
    # a noise band: centre in Hz, width (one sigma) in octaves, amplitude
    # relative to the partials
    band: Optional[Tuple[float, float, float]] = None
    detune: float = 0.03  # how much the pitch varies between objects


def _shaped_noise(samples: int, gain, rng: np.random.Generator) -> np.ndarray:
    """White noise filtered by ``gain(frequencies in Hz)``, unit RMS."""
    frequencies = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE)
    spectrum = np.fft.rfft(rng.normal(size=samples))
    noise = np.fft.irfft(spectrum * gain(frequencies), n=samples)
    return noise / np.sqrt(np.mean(noise**2))


def sample_voice(timbre: Timbre, seconds: int,
                 rng: np.random.Generator) -> np.ndarray:
    """An object's sound over a whole clip, as if it never paused.

    Pitch (``detune`` either way), the partials' strengths (2 dB), phases and
    the modulation rates (10 %) vary from one object to the next.

    Returns:
        np.ndarray: (seconds * 16000, ) float64 of unit RMS.
    """
    samples = seconds * SAMPLE_RATE
    time = np.arange(samples) / SAMPLE_RATE
    tune = rng.uniform(1 - timbre.detune, 1 + timbre.detune)
    rate, depth = timbre.vibrato
    rate = rate * rng.uniform(0.9, 1.1)
    # The integral of pitch * (1 + depth * cos(2 pi rate t)).
    cycles = timbre.pitch * tune * (
        time + depth * np.sin(2 * np.pi *
                              (rate * time + rng.uniform())) /
        (2 * np.pi * rate))
    voice = np.zeros(samples)
    for ratio, amplitude in timbre.partials:
        amplitude = amplitude * 10**(rng.uniform(-2, 2) / 20)
        voice += amplitude * np.sin(2 * np.pi *
                                    (ratio * cycles + rng.uniform()))
    if timbre.band is not None:
        centre, width, amplitude = timbre.band
        voice += amplitude * _shaped_noise(
            samples, lambda f: np.exp(-0.5 * (np.log2(
                np.maximum(f, 1) / (centre * tune)) / width)**2), rng)
    rate, depth = timbre.tremolo
    rate = rate * rng.uniform(0.9, 1.1)
    voice *= 1 + depth * np.sin(2 * np.pi * (rate * time + rng.uniform()))
    return voice / np.sqrt(np.mean(voice**2))


def sample_noise(colour: str, samples: int,
                 rng: np.random.Generator) -> np.ndarray:
    """Ambient noise of unit RMS that belongs to no object, (samples, )
    float64: 'white', 'pink' (power falls with frequency) or 'brown' (with its
    square); the latter two are flat below 60 Hz."""
    slope = _SLOPES[colour]
    return _shaped_noise(samples, lambda f: np.maximum(f, 60)**slope, rng)


def second_envelope() -> np.ndarray:
    """Gain of one sounding second, (16000, ): 1 but for fades of 8 ms at both
    ends, inside of it, so that nothing leaks into its neighbours."""
    envelope = np.ones(SAMPLE_RATE)
    fade = int(0.008 * SAMPLE_RATE)
    ramp = np.sin(0.5 * np.pi * (np.arange(fade) + 0.5) / fade)**2
    envelope[:fade] = ramp
    envelope[-fade:] = ramp[::-1]
    return envelope
