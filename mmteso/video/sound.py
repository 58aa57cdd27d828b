# Copyright (c) mmteso contributors. All rights reserved.
"""The sound of a file, or of an array, as windows by time."""
import os
from typing import Iterator, List, Optional, Tuple, Union

import numpy as np

from mmteso.audio import PEAK, RATES, promised_size
from mmteso.optional import require
from .frames import MediaError, Problem, decode, open_media

# Timestamps of sound are rounded, to milliseconds in Matroska. What lies
# within this many seconds of where it is expected is contiguous.
_JITTER = 0.05
_WILD = 'samples that are not finite or far beyond [-1, 1], from here on'


class Sound:
    """Mono sound at a rate, read as far as it is asked for.

    Where a sample lies is said by timestamps and not by counting: sound that
    begins late, has a gap or a part that can't be decoded is silent there.
    Channels are averaged, and the rate is changed by soxr (quality 'HQ'), as
    :func:`mmteso.audio.read_waveform` does. Windows are asked for in the order
    of their time; little more than a window is kept in memory.

    Args:
        source (str | tuple[np.ndarray, int]): A sound or video file, or a
            waveform, (num_samples,) or (channels, num_samples) in [-1, 1],
            and its rate in samples a second.
        sample_rate (int): Rate of the windows in samples a second.
        origin (float, optional): Timestamp in seconds that is time 0, e.g. a
            video's first frame. Defaults to None: where the file begins.

    Attributes:
        problems (list[Problem]): What could not be decoded so far.

    Raises:
        FileNotFoundError: If there is no such file.
        MediaError: If it can't be read or has no sound.
    """

    def __init__(self,
                 source: Union[str, os.PathLike, Tuple[np.ndarray, int]],
                 sample_rate: int,
                 origin: Optional[float] = None) -> None:
        self.sample_rate = sample_rate
        self.problems: List[Problem] = []
        self._kept = np.zeros(0, np.float32)
        self._start = 0  # where `_kept` begins, in samples
        self._ended = False
        if isinstance(source, (str, os.PathLike)):
            blocks = _file_blocks(os.fspath(source), origin, self.problems)
        else:
            blocks = _array_blocks(source)
        self._blocks = self._resampled(blocks)
        self._read_to(1)  # finds out now whether there is any sound

    def _resampled(self, blocks: Iterator[Tuple[np.ndarray, int]]
                   ) -> Iterator[np.ndarray]:
        soxr = require('soxr', 'audio')
        stream = None
        for mono, rate in blocks:
            if rate == self.sample_rate:
                yield mono.astype(np.float32)
                continue
            stream = stream or soxr.ResampleStream(
                rate, self.sample_rate, 1, dtype='float64', quality='HQ')
            yield stream.resample_chunk(mono).astype(np.float32)
        if stream is not None:
            yield stream.resample_chunk(np.zeros(0), last=True).astype(
                np.float32)

    def _read_to(self, sample: int) -> None:
        parts = [self._kept]
        length = self._start + len(self._kept)
        while length < sample and not self._ended:
            block = next(self._blocks, None)
            self._ended = block is None
            if block is not None:
                parts.append(block)
                length += len(block)
        self._kept = np.concatenate(parts)

    def lasts(self, time: float) -> bool:
        """Whether there is sound at a time in seconds or after it."""
        sample = round(time * self.sample_rate)
        self._read_to(sample + 1)
        return self._start + len(self._kept) > sample

    def read(self, start: float, seconds: Optional[float]) -> np.ndarray:
        """What lies there, and silence after the end; not moved as windows
        are.

        Args:
            start (float): In seconds, not before those of earlier calls.
            seconds (float, optional): Length; None for all that is left.

        Returns:
            np.ndarray: float32, (num_samples,).
        """
        first = max(round(start * self.sample_rate), 0)
        if seconds is None:
            while not self._ended:
                self._read_to(self._start + len(self._kept) + 1)
            length = max(self._start + len(self._kept) - first, 0)
        else:
            length = round(seconds * self.sample_rate)
            self._read_to(first + length)
        self._kept = self._kept[max(first - self._start, 0):]
        self._start = max(first, self._start)
        cut = self._kept[:length]
        return np.pad(cut, (0, length - len(cut)))

    def window(self, start: float, seconds: float,
               shortest: Optional[float] = None) -> np.ndarray:
        """Cut a window.

        One that would begin before time 0, or reach beyond the end of the
        sound, is moved; one that begins after the end, or less than 0.05 s
        before it (encoders fill up their last block), is silent.

        Args:
            start (float): In seconds.
            seconds (float): Its length.
            shortest (float, optional): A sound that is shorter than the
                window is taken whole, if it has this many seconds. Defaults
                to None: it is filled up with silence.

        Returns:
            np.ndarray: float32, (num_samples,).
        """
        length = round(seconds * self.sample_rate)
        first = max(round(start * self.sample_rate), 0)
        self._read_to(first + length)
        end = self._start + len(self._kept)
        if first + _JITTER * self.sample_rate >= end:
            return np.zeros(length, np.float32)
        # earlier windows may be moved back by no more than their length
        drop = min(first, end) - length - self._start
        first = max(min(first, end - length), 0)
        cut = self._kept[first - self._start:first - self._start + length]
        if drop > 0:
            self._kept = self._kept[drop:]
            self._start += drop
        least = length if shortest is None else min(
            round(shortest * self.sample_rate), length)
        return np.pad(cut, (0, max(least - len(cut), 0)))


def _array_blocks(source: Tuple[np.ndarray, int]
                  ) -> Iterator[Tuple[np.ndarray, int]]:
    if not isinstance(source, (list, tuple)) or len(source) != 2:
        raise MediaError('A sound must be a file, or a waveform and its rate, '
                         f'(waveform, 16000), but got {type(source)}.')
    waveform, rate = np.asarray(source[0]), source[1]
    if not isinstance(rate, (int, float, np.number)) or \
            not RATES[0] <= rate <= RATES[1] or rate != int(rate):
        raise MediaError(f'A rate must be {RATES[0]} to {RATES[1]} samples a '
                         f'second, but got {rate!r:.80}.')
    rate = int(rate)
    if (waveform.ndim not in (1, 2) or not waveform.size
            or waveform.dtype.kind != 'f'
            or not np.abs(waveform).max() <= PEAK
            or waveform.ndim == 2 and len(waveform) > waveform.shape[1]):
        raise MediaError(
            'A waveform must be finite floats in [-1, 1], (num_samples,) or '
            f'(channels, num_samples), but got {waveform.dtype} of '
            f'{waveform.shape}. Integers: divide by their full scale.')
    mono = np.atleast_2d(waveform).mean(axis=0, dtype=np.float64)
    for start in range(0, len(mono), 10 * rate):
        yield mono[start:start + 10 * rate], rate


def _file_blocks(path: str, origin: Optional[float],
                 problems: List[Problem]) -> Iterator[Tuple[np.ndarray, int]]:
    """Mono samples from time 0 on without gaps, float64, and their rate."""
    with open_media(path) as container:
        if not container.streams.audio:
            raise MediaError(f'"{path}" has no sound.')
        if origin is None:
            origin = (container.start_time or 0) / 1e6
        stream = container.streams.audio[0]
        rate, written, found = stream.rate, 0, False
        if not RATES[0] <= rate <= RATES[1]:
            raise MediaError(f'"{path}" says that it has {rate} samples a '
                             f'second, expected {RATES[0]} to {RATES[1]}.')
        with open(path, 'rb') as file:
            if os.path.getsize(path) < promised_size(file.read(8)):
                problems.append(Problem(float('nan'), 'the file ends early'))
        for time, frame in decode(container, stream, origin, problems):
            found = True
            mono = _mono(frame)
            if not np.abs(mono).max(initial=0) <= PEAK:  # or NaN
                mono = np.zeros_like(mono)
                if not problems or problems[-1].what != _WILD:
                    problems.append(Problem(time, _WILD))
            if not np.isnan(time):
                late = round(time * rate) - written
                if late > _JITTER * rate or (written == 0 and late > 0):
                    for start in range(0, late, rate):  # it may be days
                        yield np.zeros(min(rate, late - start)), rate
                    written += late
                elif late < -_JITTER * rate or (written == 0 and late < 0):
                    mono = mono[-late:]
            written += len(mono)
            yield mono, rate
        if not found:
            raise MediaError(f'"{path}" has no sound that can be decoded.')


def _mono(frame: object) -> np.ndarray:
    """Mean of the channels, float64, integers divided by their full scale."""
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, len(frame.layout.channels)).T
    if samples.dtype.kind == 'f':
        return samples.mean(axis=0, dtype=np.float64)
    scale = 2.**(8 * samples.dtype.itemsize - 1)
    samples = samples.astype(np.float64)
    if samples.dtype.kind == 'u':
        samples -= scale
    return samples.mean(axis=0) / scale
