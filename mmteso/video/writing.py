# Copyright (c) mmteso contributors. All rights reserved.
"""Writing videos that a browser plays."""
from fractions import Fraction
from typing import Iterable, Iterator, Optional, Tuple

import numpy as np

from mmteso.io import atomic_write
from mmteso.optional import require

_TIME_BASE = Fraction(1, 30000)


def write_video(path: str,
                frames: Iterable[Tuple[float, np.ndarray]],
                sound: Optional[Iterable[np.ndarray]] = None,
                sample_rate: int = 44100) -> None:
    """Write frames, and sound, as H.264 and AAC in an MP4 file.

    The file appears under its name only once it is complete. Its index stands
    at its head, so that a browser can begin before it has all of it. Frames
    with an odd number of rows or columns lose the last one.

    Args:
        path (str): The file.
        frames (Iterable[tuple[float, np.ndarray]]): Time in seconds, rising,
            and RGB (H, W, 3), all of one size.
        sound (Iterable[np.ndarray], optional): Mono in blocks, float32.
            Defaults to None: no sound.
        sample_rate (int): Of the sound, in samples a second.
            Defaults to 44100.
    """
    av = require('av', 'video')
    with atomic_write(path) as partial, av.open(
            partial, 'w', format='mp4',
            options=dict(movflags='+faststart')) as container:
        picture = container.add_stream(
            'libx264', rate=30, options=dict(crf='23', preset='veryfast'))
        picture.pix_fmt = 'yuv420p'
        track = None
        blocks: Iterator[np.ndarray] = iter(sound or ())
        if sound is not None:
            track = container.add_stream(
                'aac', rate=sample_rate, layout='mono')
        written = 0

        def write_sound(end: float) -> None:
            nonlocal written
            while track is not None and written < end * sample_rate:
                block = next(blocks, None)
                if block is None:
                    return
                frame = av.AudioFrame.from_ndarray(
                    np.ascontiguousarray(block[None], dtype=np.float32),
                    format='fltp',
                    layout='mono')
                frame.sample_rate, frame.pts = sample_rate, written
                frame.time_base = Fraction(1, sample_rate)
                written += len(block)
                container.mux(track.encode(frame))

        for time, image in frames:
            height, width = (size // 2 * 2 for size in image.shape[:2])
            if not picture.codec_context.is_open:
                picture.width, picture.height = width, height
                picture.codec_context.time_base = _TIME_BASE
            frame = av.VideoFrame.from_ndarray(
                np.ascontiguousarray(image[:height, :width]), format='rgb24')
            frame.pts, frame.time_base = round(time / _TIME_BASE), _TIME_BASE
            write_sound(time)
            container.mux(picture.encode(frame))
        container.mux(picture.encode())
        write_sound(np.inf)
        if track is not None:
            container.mux(track.encode())
