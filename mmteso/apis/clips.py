# Copyright (c) mmteso contributors. All rights reserved.
"""What the inferencer takes: a clip, from files or arrays."""
import os
from typing import Any, Iterator, List, Mapping, Optional, Tuple, Union

import numpy as np
from mmengine.utils import scandir
from PIL import Image

from mmteso.io import read_image
from mmteso.video import MediaError, Problem, Sound, VideoFile

#: A clip, see :data:`CLIP_FORMS`.
ClipInput = Union[str, os.PathLike, Mapping[str, Any]]
#: Step, time of its picture in seconds, and RGB (H, W, 3).
Step = Tuple[int, float, np.ndarray]

CLIP_FORMS = """A clip is one of

- "FILE": a video file with its sound;
- dict(video="FILE", audio=SOUND): a video with another sound;
- dict(frames=[PICTURE, ...], audio=SOUND, fps=1.0): pictures at equal
  distances, or a folder of them, in the order of their names;
- dict(image=PICTURE, audio=SOUND): a still picture, for as long as the sound
  lasts;

each dict with an optional name="NAME". A PICTURE is a file, a PIL image, or
uint8 (H, W, 3) in BGR, as mmcv reads it. A SOUND is a sound or video file, or
(waveform, rate): floats in [-1, 1], (num_samples,) or (channels, num_samples),
and samples a second."""

_MAX_FPS = 1000
_PICTURES = ('.bmp', '.jpeg', '.jpg', '.png', '.tif', '.tiff', '.webp')


def read_picture(picture: Any) -> np.ndarray:
    """A PICTURE of :data:`CLIP_FORMS` as RGB, uint8 (H, W, 3)."""
    if isinstance(picture, (str, os.PathLike)):
        return read_image(os.fspath(picture))
    if isinstance(picture, Image.Image):
        return np.asarray(picture.convert('RGB'))
    if (isinstance(picture, np.ndarray) and picture.dtype == np.uint8
            and picture.ndim == 3 and picture.shape[2] == 3 and picture.size):
        return np.ascontiguousarray(picture[..., ::-1])
    raise TypeError(f'{_shown(picture)} is no picture.\n{CLIP_FORMS}')


def _shown(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f'an array of {value.dtype}, {value.shape},'
    return f'{value!r:.80}'


def _checked_fps(fps: Any) -> float:
    if not isinstance(fps, (int, float)) or not 0 < fps <= _MAX_FPS:
        raise ValueError('fps must be a number of frames a second, above 0 '
                         f'and up to {_MAX_FPS}, but got {fps!r}')
    return fps


class Clip:
    """Pictures and sound of a clip, read as far as they are asked for.

    Args:
        clip (ClipInput): See :data:`CLIP_FORMS`.
        allow_silent (bool): Take a clip without sound for silence.
            Defaults to False.

    Attributes:
        name (str): For the names of its results.
        origin (str): The file or folder that it comes from; '' for arrays.

    Raises:
        TypeError: If it has none of the forms.
        FileNotFoundError, MediaError: If a file can't be read.
    """

    def __init__(self, clip: ClipInput, allow_silent: bool = False) -> None:
        if isinstance(clip, (str, os.PathLike)):
            clip = dict(video=os.fspath(clip))
        kinds = [] if not isinstance(clip, Mapping) else [
            kind for kind in ('video', 'frames', 'image') if kind in clip]
        if len(kinds) != 1 or clip.keys() - {
                *kinds, 'audio', 'name', *['fps'] * (kinds == ['frames'])}:
            raise TypeError(f'{_shown(clip)} is no clip.\n{CLIP_FORMS}')
        self.kind, = kinds
        self.allow_silent = allow_silent
        source = clip[self.kind]
        self.origin = os.fspath(source) if isinstance(
            source, (str, os.PathLike)) else ''
        self._audio = clip.get('audio')
        self._fps = _checked_fps(clip.get('fps', 1.))
        self._sounds: List[Sound] = []
        self._video: Optional[VideoFile] = None
        self._pictures: List[Any] = []
        if self.kind == 'video':
            self._video = VideoFile(source)
        elif self.kind == 'image':
            self._pictures = [source]
        elif self.origin:
            if not os.path.isdir(self.origin):
                raise FileNotFoundError(
                    f'The folder of pictures "{self.origin}" does not exist.')
            self._pictures = [
                os.path.join(self.origin, name)
                for name in sorted(scandir(self.origin, _PICTURES))
            ]
        elif hasattr(source, '__iter__'):
            self._pictures = list(source)
        if not self._video and not self._pictures:
            raise MediaError(f'The clip has no pictures: {_shown(source)}')
        stem = os.path.splitext(os.path.basename(
            os.path.abspath(self.origin)))[0] if self.origin else 'clip'
        self.name = str(clip.get('name', stem))

    @property
    def problems(self) -> List[Problem]:
        """What could not be decoded in what was read so far."""
        found = list(self._video.problems) if self._video else []
        for sound in self._sounds:
            found += sound.problems
        return found

    def fps(self, wanted: float) -> float:
        """Steps a second; given frames have their own. A ValueError if it is
        none."""
        return self._fps if self.kind == 'frames' else _checked_fps(wanted)

    def num_steps(self, fps: float) -> Optional[int]:
        """How many steps there will be, nearly; None if it isn't known."""
        if self._video is None:
            return len(self._pictures) if self.kind == 'frames' else None
        duration = self._video.duration
        return None if duration is None else max(round(duration * fps), 1)

    def sound(self, sample_rate: int, source: Any = None) -> Optional[Sound]:
        """Its sound, or that of another SOUND ``source``, at so many samples a
        second; None for silence. A MediaError if it has none, unless
        ``allow_silent``."""
        origin = None
        if source is None:
            source = self._audio
        if source is None and self._video is not None:
            source, origin = self._video.path, self._video.origin
        if source is None:
            if self.allow_silent:
                return None
            raise MediaError(
                'The clip has no sound. Give it one as audio (--audio), or '
                'allow_silent (--allow-silent) to take it for silence.\n'
                f'{CLIP_FORMS}')
        try:
            self._sounds.append(Sound(source, sample_rate, origin))
        except MediaError as error:
            if origin is None:  # a file that was named as the sound
                raise
            if self.allow_silent:
                return None
            raise MediaError(
                f'{error} Give another file as audio (--audio), or '
                'allow_silent (--allow-silent) to take it for silence.'
            ) from error
        return self._sounds[-1]

    def steps(self, fps: float) -> Iterator[Step]:
        """Its pictures, ``fps`` a second; given frames one by one."""
        if self._video is not None:
            yield from self._video.sample(fps)
        elif self.kind == 'frames':
            for index, picture in enumerate(self._pictures):
                yield index, index / self._fps, read_picture(picture)
        else:
            image, index = read_picture(self._pictures[0]), 0
            sound = self.sound(16000)
            while index == 0 or sound and sound.lasts((index + .5) / fps):
                yield index, index / fps, image
                index += 1

    def pictures(self, fps: float,
                 longest: int) -> Iterator[Tuple[float, np.ndarray]]:
        """All its pictures, for a video of it: time in seconds, RGB (H, W, 3).

        ``fps`` are the steps a second where there are no others; the longer
        side is scaled down to ``longest``.
        """
        if self._video is not None:
            for time, picture in self._video.frames():
                yield time, picture.rgb(longest)
            return
        for _, time, image in self.steps(fps):
            small = Image.fromarray(image)
            small.thumbnail((longest, longest))
            yield time, np.asarray(small)
