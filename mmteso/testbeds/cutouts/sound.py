# Copyright (c) mmteso contributors. All rights reserved.
"""What a clip sounds like: cuts of recordings, mixed, over room noise."""
from typing import Sequence

import numpy as np

from mmteso.audio import SAMPLE_RATE
from mmteso.optional import require
from ..synthavs.timbres import sample_noise, second_envelope

#: Root mean square of an object's sound where it is loud; full scale is 1.
OBJECT_RMS = 0.04
#: How far, either way, an object's level (in dB) and pitch vary.
LEVEL_DB = 6.0
PITCH = 0.06
#: Level of the room noise in dB relative to an object's; a share of the clips
#: has none.
ROOM_DB = (-45.0, -20.0)
NO_ROOM = 0.2

# The beats of a looped recording are at least so far apart.
_SHORTEST = SAMPLE_RATE // 2
# A cut of one second is at least so loud, of 1 where the recording is loud.
_AUDIBLE = 0.35
_MAX_CUTS = 50


def cut_seconds(recording: np.ndarray, count: int,
                rng: np.random.Generator) -> np.ndarray:
    """Cut seconds, (count, 16000) float64, from random places of a recording
    (16 kHz mono, of unit RMS where it is loud), at a random pitch. One shorter
    than a second is looped; places where it pauses are avoided."""
    tune = round(SAMPLE_RATE * rng.uniform(1 - PITCH, 1 + PITCH))
    wave = require('soxr', 'audio').resample(recording, tune, SAMPLE_RATE)
    if len(wave) < 2 * SAMPLE_RATE:
        wave = np.pad(wave, (0, max(0, _SHORTEST - len(wave))))
        # from every place of it a second follows
        wave = np.resize(wave, len(wave) + SAMPLE_RATE)
    energy = np.cumsum(np.concatenate([[0], wave**2]))
    energy = (energy[SAMPLE_RATE:] - energy[:-SAMPLE_RATE]) / SAMPLE_RATE
    seconds = []
    for _ in range(count):
        places = rng.integers(len(energy), size=_MAX_CUTS)
        loud = np.flatnonzero(energy[places] >= _AUDIBLE**2)
        place = places[loud[0] if len(loud) else energy[places].argmax()]
        seconds.append(wave[place:place + SAMPLE_RATE])
    return np.array(seconds).reshape(count, SAMPLE_RATE)


def mix_sounds(recordings: Sequence[np.ndarray], sounding: np.ndarray,
               rng: np.random.Generator) -> np.ndarray:
    """The sound of a clip, (T * 16000, ) int16, 16 kHz mono, of the
    recordings of what may sound and of what sounds when, (T, len(recordings))
    bool."""
    mix = np.zeros((len(sounding), SAMPLE_RATE))
    for recording, active in zip(recordings, sounding.T):
        gain = OBJECT_RMS * 10**(rng.uniform(-LEVEL_DB, LEVEL_DB) / 20)
        mix[active] += gain * second_envelope() * cut_seconds(
            recording, int(active.sum()), rng)
    colour = ('pink', 'brown')[rng.integers(2)]
    level = OBJECT_RMS * 10**(rng.uniform(*ROOM_DB) / 20)
    if rng.uniform() >= NO_ROOM:
        mix += level * sample_noise(colour, mix.size, rng).reshape(mix.shape)
    return np.round(np.clip(mix.ravel(), -1, 1) * 32767).astype('<i2')
