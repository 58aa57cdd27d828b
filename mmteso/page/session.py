# Copyright (c) mmteso contributors. All rights reserved.
"""A visitor's clip: what the page takes, and what was found in it."""
import contextlib
import mmap
import os
import os.path as osp
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from typing import (Any, Callable, Dict, Iterator, List, NamedTuple, Optional,
                    Sequence, Tuple)

import numpy as np

from mmteso.apis import AVSInferencer, Clip, ClipWriter, Condition, FrameResult
from mmteso.apis.clip_files import file_name
from mmteso.choices import SAVE
from mmteso.testbeds.synthavs import write_sample_clip
from mmteso.video import MediaError, Sound
from .limits import LIMITS, Limits, Refused, check_room

#: What a clip is listened to with from the start.
SOUNDS = ('normal', 'mute', 'noise')
#: The sound that a visitor brings.
OTHER = 'other sound'
_RATE = 16000  # of a first look at a sound
_FIRST_LOOK = osp.join(osp.dirname(__file__), 'first_look.py')
_LONGEST_CUE = 80
_ARRAYS = ('image', 'score', 'mask', 'best')  # of a frame, kept in a file


class _Place(NamedTuple):
    """Of an array in a file."""
    start: int
    dtype: Any
    shape: Tuple[int, ...]

    def array(self, mapped: mmap.mmap) -> np.ndarray:
        return np.ndarray(self.shape, self.dtype, mapped, self.start)


def split_cues(text: str) -> List[str]:
    """Cues from what was typed: between commas, semicolons or line ends."""
    words = (' '.join(word.split()) for word in re.split(r'[,;\n]', text))
    return list(dict.fromkeys(word[:_LONGEST_CUE] for word in words if word))


class _ArrayFile:
    """Arrays in a file that is mapped once, when all are there.

    A map of each would be an open file each, of which a process has 1024 or
    so. Removes the file if something went wrong.
    """

    def __init__(self, folder: str) -> None:
        handle, self.path = tempfile.mkstemp('.arrays', dir=folder)
        self._file = os.fdopen(handle, 'r+b')

    def __enter__(self) -> '_ArrayFile':
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        self._file.close()
        if kind is not None:
            with contextlib.suppress(FileNotFoundError):
                os.remove(self.path)

    def add(self, array: Optional[np.ndarray]) -> Optional[_Place]:
        if array is None:
            return None
        self._file.write(bytes(-self._file.tell() % 8))  # aligned
        start = self._file.tell()
        self._file.write(np.ascontiguousarray(array).data)
        return _Place(start, array.dtype, array.shape)

    def map(self) -> mmap.mmap:
        self._file.flush()
        return mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)


class ClipSession:
    """A visitor's clip and what was found in it.

    Its files lie in a folder of its own, which goes with it: what was
    uploaded, and pictures and scores, which may be larger than the memory.

    Args:
        inferencer (AVSInferencer): Finds what sounds.
        limits (Limits): Defaults to those of the page.
        parent (str, optional): Where the folder is made, beside those of
            other visitors. Defaults to None: where temporary files are.
        generator (CueSource, optional): Generates cues where none are given.
            Defaults to None.
        served (str, optional): Folder whose files are served to whoever
            knows their names; what is downloaded lies there, by a name that
            can't be guessed. Defaults to None: in the folder of its own.
        all_files (str, optional): Folder of all visitors' files, of which
            there is a limit. Defaults to None: ``parent``.

    Attributes:
        name (str): Of the clip, as the visitor has it; '' without a clip.
        notes (list[str]): What the visitor should know of the clip.
    """

    def __init__(self, inferencer: AVSInferencer, limits: Limits = LIMITS,
                 parent: Optional[str] = None, generator=None,
                 served: Optional[str] = None,
                 all_files: Optional[str] = None) -> None:
        self.inferencer, self.limits = inferencer, limits
        self.generator = generator
        self.folder = tempfile.mkdtemp(prefix='clip-', dir=parent)
        self._all_files = all_files or parent or self.folder
        self._download = osp.join(
            served or self.folder, f'results-{secrets.token_hex(16)}')
        self.name, self.notes = '', []
        self._clip = self._sound = ''
        self._found: Dict[str, List[FrameResult]] = {}
        # of a search, by what it was for: OTHER alone, or ''
        self._array_files: Dict[str, str] = {}
        self._cues: Optional[List[str]] = None

    def close(self) -> None:
        """Remove all files; what is being looked for ends with an error."""
        self._found.clear()
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self._download, ignore_errors=True)

    def take_clip(self, path: str) -> None:
        """Take an uploaded video, which is moved away.

        Raises:
            Refused, MediaError: If it is too large, too long or no video.
        """
        self._forget()
        taken = self._take(path, 'clip')
        seconds = (Clip(taken).num_steps(100.) or 0) / 100
        if seconds > self.limits.seconds:
            raise Refused(
                f'The clip lasts {seconds:.1f} s; this page takes up to '
                f'{self.limits.seconds:g} s.')
        self._clip, self.name = taken, osp.basename(taken)
        try:
            Sound(taken, _RATE)
        except MediaError:
            self.notes = ['The clip has no sound: it is taken for silence.']

    def take_sample(self) -> List[str]:
        """Draw a SynthAVS clip; what is to be seen in it."""
        self._forget()
        path = osp.join(self._new_folder('clip'), 'sample.mp4')
        # within the limits, too
        cues = write_sample_clip(
            path, seconds=max(2, min(6, int(self.limits.seconds))))
        self._clip, self.name = path, osp.basename(path)
        return cues

    def take_sound(self, path: str) -> None:
        """Take an uploaded sound, or a video for its sound.

        Raises:
            Refused, MediaError: If it is too large or has no sound.
        """
        taken = self._take(path, 'sound')
        Sound(taken, _RATE)
        self._sound = taken
        self._found.pop(OTHER, None)
        self._remove_arrays(OTHER)

    def find(self, cues: Sequence[str]) -> Iterator[float]:
        """Find what sounds, with each sound; pictures are encoded once.

        Where only a sound was added since, only that is listened to; where
        nothing changed, nothing is done.

        Args:
            cues (Sequence[str]): What could sound; none to generate them.

        Yields:
            float: How much is done, in [0, 1].

        Raises:
            Refused: Without a clip, if it is too long, or if there is no room
                for what is found.
            ValueError, MediaError: As of ``AVSInferencer.compare``.
        """
        if not self._clip:
            raise Refused('There is no clip yet: bring one, or take the '
                          'sample.')
        cues = list(cues)
        if cues != self._cues:
            self._forget_results()
        clip = Clip(self._clip, allow_silent=True)
        sounds = [*SOUNDS, *[OTHER] * bool(self._sound)]
        new = [sound for sound in sounds if sound not in self._found]
        if not new:
            return
        total = clip.num_steps(1.) or self.limits.seconds
        found: Dict[str, List[FrameResult]] = {sound: [] for sound in new}
        conditions = [Condition(self._sound if sound == OTHER else sound)
                      for sound in new]
        with _ArrayFile(self.folder) as file:
            for results in self.inferencer.compare(
                    clip, conditions, cues or self.generator or []):
                # files may say that they are shorter than they are
                if results[0].index >= max(self.limits.seconds, 1):
                    raise Refused('The clip is longer than it says; this page '
                                  f'takes up to {self.limits.seconds:g} s.')
                if not osp.exists(file.path):
                    raise Refused('The page was left.')
                check_room(self._all_files, self.limits)
                image = file.add(results[0].image)
                for sound, frame in zip(new, results):
                    places = {name: file.add(getattr(frame, name))
                              for name in _ARRAYS if name != 'image'}
                    found[sound].append(replace(frame, image=image, **places))
                yield min((results[0].index + 1) / total, 1)
            mapped = file.map()
        self._array_files[OTHER if new == [OTHER] else ''] = file.path
        for sound, frames in found.items():
            self._found[sound] = [
                _with_arrays(frame, mapped) for frame in frames]
        self._cues = cues

    @property
    def found(self) -> bool:
        """Whether there are results."""
        return bool(self._found)

    def frames(self, sound: str,
               threshold: Optional[float] = None) -> List[FrameResult]:
        """What was found with a sound, a frame a second."""
        frames = self._found.get(sound, [])
        if threshold is None:
            return frames
        return [frame.at(threshold) for frame in frames]

    def areas(self, threshold: Optional[float] = None
              ) -> Dict[str, List[float]]:
        """Share of the picture that sounds, for each second, by sound."""
        return {
            sound: [float((frame.mask > 0).mean())
                    for frame in self.frames(sound, threshold)]
            for sound in self._found
        }

    def write(self, sound: str, threshold: Optional[float] = None) -> str:
        """Write masks, overlays, video, player and JSON into a ZIP file.

        Returns:
            str: The file, until the next one or the end of the session.

        Raises:
            Refused: If there is no room for it.
        """
        check_room(self._all_files, self.limits)
        folder = self._new_folder('results')
        shutil.rmtree(self._download, ignore_errors=True)
        os.mkdir(self._download)
        clip, model = Clip(self._clip, allow_silent=True), self.inferencer
        writer = ClipWriter(folder, clip, 1., SAVE, model.classes,
                            model.palette, model.semantic,
                            keep_sound=sound != 'normal')
        for frame in self.frames(sound, threshold):
            writer.add(frame)
        writer.finish()
        stem = f'{file_name(clip.name)}-{sound.replace(" ", "-")}'
        path = shutil.make_archive(
            osp.join(self._download, stem), 'zip', folder,
            file_name(clip.name))
        shutil.rmtree(folder)
        return path

    def _forget(self) -> None:
        self._clip = self._sound = self.name = ''
        self.notes = []
        self._forget_results()

    def _forget_results(self) -> None:
        # those that look at them just now have them mapped
        self._found, self._cues = {}, None
        for key in list(self._array_files):
            self._remove_arrays(key)

    def _remove_arrays(self, key: str) -> None:
        with contextlib.suppress(OSError, KeyError):
            os.remove(self._array_files.pop(key))

    def _new_folder(self, name: str) -> str:
        folder = osp.join(self.folder, name)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        return folder

    def _take(self, path: str, name: str) -> str:
        megabytes = osp.getsize(path) / 1e6
        if megabytes > self.limits.megabytes:
            os.remove(path)
            raise Refused(
                f'The file has {megabytes:.1f} MB; this page takes up to '
                f'{self.limits.megabytes:g} MB.')
        taken = osp.join(self._new_folder(name), osp.basename(path))
        shutil.move(path, taken)
        self._look(taken)
        return taken

    def _look(self, path: str) -> None:
        """Have a file decoded by another process, within the limits."""
        most = self.limits
        try:
            subprocess.run(
                [sys.executable, _FIRST_LOOK, path, str(most.seconds),
                 str(most.decoding_gigabytes), str(most.decoding_seconds)],
                capture_output=True, timeout=most.decoding_seconds, check=True)
        except subprocess.SubprocessError:
            shutil.rmtree(osp.dirname(path))
            raise Refused(
                f'"{osp.basename(path)}" can\'t be decoded within '
                f'{most.decoding_seconds:g} s and '
                f'{most.decoding_gigabytes:g} GB, or its pictures are too '
                'large.') from None


def _with_arrays(frame: FrameResult, mapped: mmap.mmap) -> FrameResult:
    """The frame, with arrays in the place of their places."""
    places = {name: getattr(frame, name) for name in _ARRAYS}
    return replace(frame, **{name: place and place.array(mapped)
                             for name, place in places.items()})


class Visits:
    """The sessions of all visitors, by keys that only they know.

    Args:
        start (Callable): Makes a :class:`ClipSession`.
        limits (Limits): How many there are, and after which time one that
            nobody asked for is closed: not all visitors say that they leave.
    """

    def __init__(self, start: Callable[[], ClipSession],
                 limits: Limits = LIMITS) -> None:
        self._start, self._limits = start, limits
        self._open: Dict[str, Tuple[ClipSession, float]] = {}
        self._lock = threading.Lock()

    def session(self, key: str) -> ClipSession:
        """The visitor's, a new one if need be."""
        with self._lock:
            now = time.monotonic()
            session, _ = self._open.pop(key, (None, now))
            # from the one that was asked for longest ago on
            for other, (_, asked) in list(self._open.items()):
                if now - asked > self._limits.idle_seconds or \
                        len(self._open) >= self._limits.visits:
                    self._close(other)
            session = session or self._start()
            self._open[key] = session, now
            return session

    def leave(self, key: str) -> None:
        """Close a visitor's session, if there is one."""
        with self._lock:
            self._close(key)

    def _close(self, key: str) -> None:
        if key in self._open:
            self._open.pop(key)[0].close()
