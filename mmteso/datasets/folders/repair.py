# Copyright (c) mmteso contributors. All rights reserved.
"""Makes missing files again where what is there says all about them."""
import os.path as osp
import pickle
from typing import Any, Callable, Iterator, List, NamedTuple, Optional

import mmcv
import mmengine.fileio as fileio
import numpy as np
import torch
from PIL import Image

from mmteso.audio import (EXAMPLE_SAMPLES, SAMPLE_RATE, log_mel_examples,
                          read_waveform)
from mmteso.io import atomic_write, decode_labels, write_file
from ..avsbench_meta import IGNORE_INDEX, get_class_set, voc_palette
from ..clips import Clip, list_names
from ..data_check import map_in_threads
from ..transforms.loading_annotations import labels_from_rgb
from .files import SOUND_SUFFIXES, read_sound, sound_info, write_wav
from .layout import MASK_FOLDERS, DataFolder

# A sound that is to be a clip's lasts as long as its frames, but for this.
_TOLERANCE = 0.5


class Repair(NamedTuple):
    """A file that was made, or could not be."""
    path: str  #: Relative to the folder.
    done: bool  #: Whether it is there now.
    what: str  #: What it was made from, or why it could not be.

    def __str__(self) -> str:
        return f'{"made" if self.done else "not made"}: {self.path} ' \
               f'({self.what})'


def repair_folder(folder: DataFolder,
                  num_workers: Optional[int] = None) -> List[Repair]:
    """Make files that are missing where what is there says all about them, as
    docs/prepare_data.md says; none that is there is changed, be it broken.

    Gives what was made, and what is missing still. ``num_workers``: see
    :func:`check_folder`.
    """
    repairer = _Repairer(folder)
    clips = [clip for clip in folder.clips if clip.subset in folder.subsets]
    found = map_in_threads(lambda clip: list(repairer.repair(clip)), clips,
                           'repairing', 'clip', num_workers)
    return [
        repair._replace(path=osp.relpath(repair.path, folder.root))
        for repairs in found for repair in repairs
    ]


class _Repairer:
    """Repairs single clips."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._sounds = {x: folder.sounds(x) for x in folder.subsets}
        self._masks = {x: folder.mask_folders(x) for x in folder.subsets}
        if folder.layout == 'semantic':
            _, self._palette = get_class_set(folder.metainfo, folder.root)

    def repair(self, clip: Clip) -> Iterator[Repair]:
        """Make what is missing of a clip that has its pictures."""
        if not osp.isdir(clip.images):
            return
        sounds = self._folder.sound_files(clip)
        for kind in self._sounds[clip.subset]:
            path = sounds[kind]
            if not osp.isfile(path):
                yield _try(self._sound if kind == 'wav' else self._log_mel,
                           clip, path)
            elif kind == 'wav' and not getattr(sound_info(path), 'frames', 0):
                others = ', '.join(
                    map(osp.basename, self._other_files(path))) or 'nothing'
                yield Repair(
                    path, False, 'broken, and left as it is; when it is '
                    f'removed, it could be made from {others}')
        forms = self._folder.mask_folders_of(clip)
        wanted = self._masks[clip.subset]
        if self._folder.with_masks and len(wanted) == len(MASK_FOLDERS):
            for name, other in (wanted, wanted[::-1]):
                there = list_names(forms[name]) or ()
                for file in sorted(list_names(forms[other]) or ()):
                    if file.endswith('.png') and file not in there:
                        yield _try(self._mask, f'{forms[other]}/{file}',
                                   f'{forms[name]}/{file}')

    def _other_files(self, path: str) -> List[str]:
        """Sound and video files of the clip whose sound this is to be."""
        folder, stem = osp.dirname(path), osp.splitext(path)[0]
        candidates = [stem + suffix for suffix in SOUND_SUFFIXES]
        if self._folder.layout == 'semantic':
            names = list_names(folder) or ()
            candidates = [f'{folder}/{name}' for name in names]
            candidates += [folder + suffix for suffix in SOUND_SUFFIXES]
        return sorted(
            name for name in candidates if name != path
            and name.lower().endswith(SOUND_SUFFIXES) and osp.isfile(name))

    def _sound(self, clip: Clip, path: str) -> str:
        candidates = self._other_files(path)
        if len(candidates) != 1:
            names = ', '.join(map(osp.basename, candidates))
            raise ValueError(
                f'several files could be its sound: {names}'
                if names else 'no other sound or video file of the clip')
        source = osp.basename(candidates[0])
        count = clip.num_frames or len(list_names(clip.images))
        wanted = count / self._folder.fps
        waveform = read_sound(candidates[0])
        seconds = len(waveform) / SAMPLE_RATE
        if abs(seconds - wanted) > _TOLERANCE:
            raise ValueError(f'{source} lasts {seconds:.2f} s, the frames '
                             f'{wanted:g} s')
        write_wav(path, waveform)
        return source

    def _log_mel(self, clip: Clip, path: str) -> str:
        source = self._folder.sound_files(clip)['wav']
        waveform = read_waveform(source)
        if len(waveform) < EXAMPLE_SAMPLES:
            raise ValueError(f'{source} is too short for one')
        examples = log_mel_examples(torch.from_numpy(waveform))
        write_file(path, pickle.dumps(examples))
        return osp.basename(source)

    def _mask(self, source: str, path: str) -> str:
        try:
            content = fileio.get(source)
            if osp.basename(osp.dirname(path)) == 'labels_semantic':
                rgb = mmcv.imfrombytes(
                    content, channel_order='rgb', backend='pillow')
                mask = labels_from_rgb(rgb, self._palette)
                unknown = mask < 0
            else:
                labels = decode_labels(content).astype(np.int64)
                if labels.ndim != 2:
                    raise ValueError('colours')
                colors = voc_palette(256)
                colors[:len(self._palette)] = self._palette
                unknown = (labels >= len(self._palette)) & (
                    labels != IGNORE_INDEX)
                mask = np.array(colors)[labels]
        except Exception as error:  # each decoder has its own kinds
            raise ValueError(f"{source} can't be decoded") from error
        if unknown.any():
            raise ValueError(f'{unknown.sum()} pixels of {source} have an '
                             'unknown value')
        with atomic_write(path) as partial:
            Image.fromarray(mask.astype(np.uint8)).save(partial, 'PNG')
        return osp.basename(osp.dirname(source))


def _try(make: Callable[[Any, str], str], source: Any, path: str) -> Repair:
    """Make a file; what it was made from, or why it could not be."""
    try:
        return Repair(path, True, f'from {make(source, path)}')
    except (OSError, ValueError) as error:
        return Repair(path, False, str(error))
