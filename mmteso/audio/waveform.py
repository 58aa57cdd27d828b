# Copyright (c) mmteso contributors. All rights reserved.
"""Reading sound files and cutting the clip of one frame."""
import functools
import io
import math
import os
from typing import Optional, Tuple

import numpy as np
from mmengine.fileio import get as read_bytes

from mmteso.optional import require
from .vggish_params import EXAMPLE_HOP_SECONDS, EXAMPLE_SAMPLES, SAMPLE_RATE

# Frames of one clip are often read one after the other (testing, or a sampler
# that keeps videos together); a ten-second file is 640 kB in this cache.
_CACHED_FILES = 8
# Rates that sound is recorded at, with room: at 1 Hz a second of samples would
# become hours.
RATES = 1000, 1000000
PEAK = 100.  # 40 dB above full scale: no recording, but integers as floats


class AudioFileError(ValueError):
    """A sound file that is there but can't be used."""


def read_waveform(path: str,
                  sample_rate: int = SAMPLE_RATE,
                  backend_args: Optional[dict] = None) -> np.ndarray:
    """Read a sound file as mono at the given rate.

    Any format that libsndfile knows (wav, flac, ogg, mp3), any rate and any
    number of channels. Channels are averaged, then the rate is changed by
    soxr (quality 'HQ'; torchvggish's resampy falls off elsewhere, which shows
    in VGGish's two highest log-mel bands). Integer samples are divided by
    their full scale, so values nominally lie in [-1, 1]; nothing is clipped.

    Args:
        path (str): The file, local or any address that mmengine's file
            backends understand.
        sample_rate (int): Rate of the result in samples a second.
            Defaults to 16000.
        backend_args (dict, optional): Those of mmengine's file backend.

    Returns:
        np.ndarray: float32, (num_samples,).

    Raises:
        FileNotFoundError: If there is no such file.
        AudioFileError: If the file can't be decoded, is a WAV or AIFF file
            that is cut short, holds no samples, values that are not finite
            or up to more than 100, or has a rate that isn't one of sound.
    """
    soundfile = require('soundfile', 'audio')
    try:
        data = read_bytes(path, backend_args=backend_args)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f'The sound file "{path}" does not exist.') from error
    # libsndfile takes the samples that are left for all
    if len(data) < promised_size(data[:8]):
        raise AudioFileError(
            f'The sound file "{path}" is cut short: {len(data)} bytes of the '
            f'{promised_size(data[:8])} that its header says; copy it anew.')
    try:
        samples, file_rate = soundfile.read(
            io.BytesIO(data), dtype='float32', always_2d=True)
    except soundfile.SoundFileError as error:
        # without the address of the bytes, which the whole message has
        cause = getattr(error, 'error_string', error)
        raise AudioFileError(
            f'The sound file "{path}" ({len(data)} bytes) cannot be decoded '
            f'({cause}); expected wav, flac, ogg or mp3.') from error
    if len(samples) == 0:
        raise AudioFileError(f'The sound file "{path}" holds no samples.')
    if not np.isfinite(samples).all():
        raise AudioFileError(
            f'The sound file "{path}" holds samples that are not finite.')
    peak = np.abs(samples).max()
    if peak > PEAK:
        raise AudioFileError(
            f'The sound file "{path}" holds floats up to {peak:.0f}, expected '
            '[-1, 1]. Divide them by the full scale of their integers (32768 '
            'of 16 bits).')
    if not RATES[0] <= file_rate <= RATES[1]:
        raise AudioFileError(
            f'The sound file "{path}" says that it has {file_rate} samples a '
            f'second, expected {RATES[0]} to {RATES[1]}. Its header is wrong: '
            'write it anew.')
    # A float64 mean keeps two equal channels exactly equal to one.
    mono = samples.mean(axis=1, dtype=np.float64)
    if file_rate != sample_rate:
        mono = require('soxr', 'audio').resample(mono, file_rate, sample_rate)
    return np.ascontiguousarray(mono, dtype=np.float32)


def promised_size(head: bytes) -> int:
    """How many bytes a WAV or AIFF file has to have, by its first 8 bytes; 0
    if they don't say it."""
    order = {b'RIFF': 'little', b'FORM': 'big'}.get(head[:4])
    # The first 8 bytes don't count, which some writers forget. Who writes to
    # a pipe can't know the size and says nearly 2^31 or 2^32.
    size = int.from_bytes(head[4:8], order) if order else 0
    return size if size < 0x7fff0000 else 0


@functools.lru_cache(maxsize=_CACHED_FILES)
def _read_cached(path: str, sample_rate: int, backend_items: tuple,
                 version: Optional[Tuple[int, int]]) -> np.ndarray:
    waveform = read_waveform(path, sample_rate, dict(backend_items) or None)
    waveform.flags.writeable = False
    return waveform


def load_waveform(path: str,
                  sample_rate: int = SAMPLE_RATE,
                  backend_args: Optional[dict] = None) -> np.ndarray:
    """:func:`read_waveform` through a small cache of the last files, which
    notices when a local one changes; the array is read-only."""
    version = None
    if os.path.exists(path):
        stat = os.stat(path)
        version = stat.st_mtime_ns, stat.st_size
    items = tuple(sorted((backend_args or {}).items()))
    return _read_cached(str(path), sample_rate, items, version)


def last_clip_rule(clip_hop: float) -> str:
    """Which clip frames get that lie beyond the last complete one of a sound,
    by the seconds between the starts of two clips: 'repeated' with the 0.96 s
    of AVSBench's preprocessing, whose loaders repeat the last example; else
    'aligned', the one that ends where the sound ends (ours)."""
    consecutive = math.isclose(clip_hop, EXAMPLE_HOP_SECONDS)
    return 'repeated' if consecutive else 'aligned'


def cut_clip(waveform: np.ndarray,
             index: int,
             hop_samples: int,
             clip_samples: int = EXAMPLE_SAMPLES,
             last_clip: str = 'aligned') -> Tuple[np.ndarray, int]:
    """Cut the clip that belongs to one frame.

    It starts at ``index * hop_samples``, unless the sound ends before it
    does: then it is the last clip of the sound.

    Args:
        waveform (np.ndarray): (num_samples,).
        index (int): The frame, from 0.
        hop_samples (int): Distance between the starts of two clips.
        clip_samples (int): Length of a clip. Defaults to 15600.
        last_clip (str): 'aligned', the last clip ends where the sound ends,
            so that a few missing samples cost no more than themselves; or
            'repeated', it is the last complete one that starts at a multiple
            of ``hop_samples``. Defaults to 'aligned'.

    Returns:
        tuple[np.ndarray, int]: A copy of the clip, (clip_samples,), and the
        sample at which it starts.

    Raises:
        ValueError: If the index is negative, or the sound is too short for
            one clip (torchvggish makes no example of it, and AVSBench's
            loaders then fail on repeating none).
    """
    if index < 0:
        raise ValueError(f'A frame index counts from 0, but got {index}.')
    last = len(waveform) - clip_samples
    if last < 0:
        raise ValueError(
            f'The sound has {len(waveform)} samples, too few for one clip of '
            f'{clip_samples}.')
    if last_clip == 'repeated':
        last -= last % hop_samples
    start = min(index * hop_samples, last)
    return waveform[start:start + clip_samples].copy(), start
