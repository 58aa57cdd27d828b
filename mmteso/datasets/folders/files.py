# Copyright (c) mmteso contributors. All rights reserved.
"""Single files of the layouts: sounds as AVSBench's, frames, tables."""
import csv
from typing import Any, Iterable, Mapping, Sequence

import numpy as np
from PIL import Image

from mmteso.audio import SAMPLE_RATE
from mmteso.io import atomic_write, write_file
from mmteso.optional import require
from mmteso.video import MediaError, Sound, VideoFile

#: Suffixes of files that may hold a clip's sound.
SOUND_SUFFIXES = ('.aac', '.avi', '.flac', '.m4a', '.mkv', '.mov', '.mp3',
                  '.mp4', '.ogg', '.opus', '.wav', '.webm')


def write_wav(path: str, waveform: np.ndarray) -> None:
    """Write mono sound of 16 kHz, floats in [-1, 1], as 16 bits."""
    soundfile = require('soundfile', 'audio')
    with atomic_write(path) as partial:
        soundfile.write(
            partial, waveform, SAMPLE_RATE, format='WAV', subtype='PCM_16')


def sound_info(path: str) -> Any:
    """What a sound's header says (soundfile's); None if it is broken."""
    soundfile = require('soundfile', 'audio')
    try:
        return soundfile.info(path)
    except soundfile.SoundFileError:
        return None


def read_sound(path: str) -> np.ndarray:
    """All sound of a sound or video file at 16 kHz, (num_samples,) float32,
    from a video's first frame on; a MediaError if it can't be read or has
    none."""
    try:
        origin = VideoFile(path).origin
    except MediaError:  # no picture
        origin = None
    return Sound(path, SAMPLE_RATE, origin).read(0., None)


def save_frame(path: str, image: np.ndarray) -> None:
    """Write RGB (H, W, 3) as a layout's frame; JPEG without thinned colours.
    """
    Image.fromarray(image).save(path, quality=95, subsampling=0)


def write_lines(path: str, lines: Iterable[str]) -> None:
    """Write a text file, whole or not at all."""
    write_file(path, ''.join(f'{line}\n' for line in lines))


def write_table(path: str, columns: Sequence[str],
                rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a CSV file with a header, whole or not at all."""
    with atomic_write(path) as partial, open(
            partial, 'w', encoding='utf-8', newline='') as file:
        writer = csv.DictWriter(file, columns, lineterminator='\n')
        writer.writeheader()
        writer.writerows(rows)
