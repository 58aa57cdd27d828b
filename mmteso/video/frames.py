# Copyright (c) mmteso contributors. All rights reserved.
"""Frames of a video file, upright and in their true shape, by time."""
import os
from contextlib import contextmanager
from typing import Any, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np

from mmteso.optional import require

#: Where in its second AVSBench takes a frame.
FRAME_POSITION = 15 / 16


class MediaError(ValueError):
    """A video or sound file that is there but can't be used."""


class Problem(NamedTuple):
    """A place in a file that can't be decoded."""
    time: float  #: Seconds from the first frame; NaN if not known.
    what: str  #: What is wrong.


@contextmanager
def open_media(path: str) -> Iterator[Any]:
    """Open a file with PyAV, and no other that it names (as playlists do).

    Raises:
        FileNotFoundError: If there is no such file.
        MediaError: If FFmpeg finds no container that it knows.
    """
    av = require('av', 'video')
    if not os.path.isfile(path):
        raise FileNotFoundError(f'The file "{path}" does not exist.')
    with open(path, 'rb') as file:
        try:
            container = av.open(file, options=dict(protocol_whitelist='none'))
        except (av.error.FFmpegError, OSError) as error:  # of an empty file
            raise MediaError(
                f'"{path}" ({os.path.getsize(path)} bytes) is no video or '
                f'sound file that FFmpeg reads ({error.strerror}).') from error
        with container:
            yield container


def decode(container: Any, stream: Any, origin: float,
           problems: List[Problem]) -> Iterator[Tuple[float, Any]]:
    """Decode a stream; what can't be decoded is noted and passed over.

    Yields:
        tuple[float, av.VideoFrame | av.AudioFrame]: Seconds from ``origin``
        (NaN without a timestamp), and the frame.
    """
    av = require('av', 'video')

    def seconds(item: Any) -> float:
        if item.pts is None or item.time_base is None:
            return float('nan')
        return float(item.pts * item.time_base) - origin

    try:
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.error.FFmpegError as error:
                problems.append(Problem(seconds(packet), str(error.strerror)))
                continue
            for frame in frames:
                if frame.is_corrupt:
                    problems.append(Problem(seconds(frame), 'damaged data'))
                else:
                    yield seconds(frame), frame
    except av.error.FFmpegError as error:
        problems.append(Problem(
            float('nan'), f'the file ends early ({error.strerror})'))


class VideoFile:
    """The frames of a video file in the order of their time.

    Times are seconds from the first frame, by the file's timestamps: variable
    frame rates and files that don't begin at 0 are no special case. Frames
    are turned as the file's display matrix says (phones store sideways) and
    stretched to square pixels.

    Args:
        path (str): Any container and codec that FFmpeg reads.

    Attributes:
        origin (float): Timestamp of the first frame, in seconds.
        duration (float, optional): Seconds, as the file says; None if it
            doesn't.
        problems (list[Problem]): What could not be decoded; complete after
            the frames were read.

    Raises:
        FileNotFoundError: If there is no such file.
        MediaError: If it can't be read or has no picture.
    """

    def __init__(self, path: str) -> None:
        self.path = os.fspath(path)
        self.problems: List[Problem] = []
        self.origin = 0.
        self.duration: Optional[float] = None
        for time, _ in self._frames():
            self.origin = time
            break
        else:
            raise MediaError(
                f'"{self.path}" has no frame that can be decoded.')
        self.problems.clear()

    def _frames(self) -> Iterator[Tuple[float, Any]]:
        with open_media(self.path) as container:
            # an album's cover in a sound file is a stream of one picture
            streams = [
                stream for stream in container.streams.video
                if 'attached_pic' not in str(stream.disposition)
            ]
            if not streams:
                raise MediaError(f'"{self.path}" has no picture, only '
                                 f'{len(container.streams.audio)} streams of '
                                 'sound.')
            stream = streams[0]
            stream.thread_type = 'AUTO'
            if container.duration:
                self.duration = container.duration / 1e6
            last = 0.
            for time, frame in decode(container, stream, self.origin,
                                      self.problems):
                if not np.isnan(time):
                    picture = _Picture(frame, stream.sample_aspect_ratio)
                    last = max(last, time + picture.seconds)
                    yield time, picture
            length = float((stream.duration or 0) * (stream.time_base or 0))
            if last + 1 < length:
                self.problems.append(Problem(
                    last, f'the pictures end early, of {length:.3f} s'))

    def frames(self) -> Iterator[Tuple[float, '_Picture']]:
        """All frames; their pixels are converted where ``rgb()`` is called.

        Yields:
            tuple[float, Picture]: Time in seconds and the frame, whose method
            ``rgb(longest=None)`` gives uint8 (H, W, 3), no longer than that.
        """
        self.problems.clear()
        last = -np.inf
        for time, picture in self._frames():
            if time > last:
                last = time
                yield time, picture

    def sample(self, fps: float) -> Iterator[Tuple[int, float, np.ndarray]]:
        """Frames at equal distances.

        Step ``i`` is ``1 / fps`` seconds long, and its frame is the one that
        is shown at 15/16 of it, as in AVSBench. A last step needs half of its
        length; the first one is always there.

        Args:
            fps (float): Steps a second.

        Yields:
            tuple[int, float, np.ndarray]: Step, time of its frame, and RGB
            (H, W, 3).
        """
        step, shown, end = 0, None, 0.
        for time, picture in self.frames():
            while shown and time > (step + FRAME_POSITION) / fps:
                yield step, shown[0], shown[1].rgb()
                step += 1
            shown, end = (time, picture), time + picture.seconds
        while shown and (step == 0 or end - step / fps >= .5 / fps):
            yield step, shown[0], shown[1].rgb()
            step += 1


class _Picture:
    """A decoded frame whose pixels are converted on demand."""

    def __init__(self, frame: Any, pixel_aspect: Any) -> None:
        self._frame, self._aspect = frame, float(pixel_aspect or 1)

    @property
    def seconds(self) -> float:
        """How long it is shown, as far as the file says."""
        return float((self._frame.duration or 0) * self._frame.time_base)

    def rgb(self, longest: Optional[int] = None) -> np.ndarray:
        """uint8 (H, W, 3), its longer side at most ``longest``; upright."""
        width, height = self._frame.width * self._aspect, self._frame.height
        scale = min(1, (longest or np.inf) / max(width, height))
        image = self._frame.to_ndarray(
            format='rgb24',
            width=max(round(width * scale), 1),
            height=max(round(height * scale), 1))
        turns = round((self._frame.rotation or 0) / 90)
        return np.ascontiguousarray(np.rot90(image, turns))
