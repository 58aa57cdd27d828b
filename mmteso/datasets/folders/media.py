# Copyright (c) mmteso contributors. All rights reserved.
"""Sound files of the layouts: 16 kHz, mono, 16 bits, as AVSBench's."""
import numpy as np

from mmteso.audio import SAMPLE_RATE
from mmteso.io import atomic_write
from mmteso.optional import require
from mmteso.video import MediaError, Sound, VideoFile

#: Suffixes of files that may hold a clip's sound.
SUFFIXES = ('.aac', '.avi', '.flac', '.m4a', '.mkv', '.mov', '.mp3', '.mp4',
            '.ogg', '.opus', '.wav', '.webm')


def write_wav(path: str, waveform: np.ndarray) -> None:
    """Write mono sound of 16 kHz, floats in [-1, 1], as 16 bits."""
    soundfile = require('soundfile', 'audio')
    with atomic_write(path) as partial:
        soundfile.write(
            partial, waveform, SAMPLE_RATE, format='WAV', subtype='PCM_16')


def read_sound(path: str) -> np.ndarray:
    """All sound of a sound or video file at 16 kHz, (num_samples,) float32.

    A video's sound begins with its first frame.

    Raises:
        MediaError: If it can't be read or has no sound.
    """
    try:
        origin = VideoFile(path).origin
    except MediaError:  # no picture
        origin = None
    return Sound(path, SAMPLE_RATE, origin).read(0., None)
