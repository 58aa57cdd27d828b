# Copyright (c) mmteso contributors. All rights reserved.
"""Makes missing files again where what is there says all about them."""
import os.path as osp
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Iterator, List, NamedTuple, Optional

import mmcv
import mmengine.fileio as fileio
import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from mmteso.audio import (EXAMPLE_SAMPLES, SAMPLE_RATE, AudioFileError,
                          log_mel_examples, read_waveform)
from mmteso.io import atomic_write, decode_labels
from mmteso.optional import require
from mmteso.video import MediaError
from ..avsbench_meta import IGNORE_INDEX, get_class_set, voc_palette
from ..base_avs_dataset import Clip
from ..data_check import default_workers
from ..transforms.loading_annotations import labels_from_rgb
from .layout import MASK_FOLDERS, DataFolder, names_in
from .media import SUFFIXES, read_sound, write_wav

# A sound that is to be a clip's lasts as long as its frames, but for this.
_TOLERANCE = 0.5


class Repair(NamedTuple):
    """A file that was made, or could not be.

    Attributes:
        path (str): The file, relative to the folder.
        done (bool): Whether it is there now.
        what (str): What it was made from, or why it could not be.
    """
    path: str
    done: bool
    what: str

    def __str__(self) -> str:
        return f'{"made" if self.done else "not made"}: {self.path} ' \
               f'({self.what})'


def repair_folder(folder: DataFolder,
                  num_workers: Optional[int] = None) -> List[Repair]:
    """Make files that are missing, and nothing else; none that is there is
    changed, be it broken.

    Made are: a sound, from the one other sound or video file of the clip,
    if that lasts as long as the clip's frames; a log-mel of the object
    layout, from the wav, where the folder has log-mels; a mask of class
    indices from the mask of colours, and the other way round, if all of its
    pixels are known. A broken file has to be removed first. Pictures are not
    made from videos: another decoder's would be others than the release's.

    Args:
        folder (DataFolder): The folder.
        num_workers (int, optional): Number of threads. Defaults to None: as
            many as the machine has cores, at most 8.

    Returns:
        list[Repair]: What was made, and what is missing still.
    """
    repairer = _Repairer(folder)
    clips = [clip for clip in folder.clips if clip.subset in folder.subsets]
    with ThreadPoolExecutor(num_workers or default_workers()) as pool:
        found = list(
            tqdm(
                pool.map(lambda clip: list(repairer.repair(clip)), clips),
                'repairing',
                len(clips),
                unit='clip',
                disable=None))
    return [
        repair._replace(path=osp.relpath(repair.path, folder.root))
        for repairs in found for repair in repairs
    ]


def _is_sound(path: str) -> bool:
    soundfile = require('soundfile', 'audio')
    try:
        return soundfile.info(path).frames > 0
    except soundfile.SoundFileError:
        return False


class _Repairer:
    """Repairs single clips."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._sounds = {}
        self._masks = {}
        for subset in folder.subsets:
            if folder.layout == 'object':
                self._sounds[subset] = folder.sounds(subset)
                self._masks[subset] = []
            else:
                self._sounds[subset] = ['wav']
                self._masks[subset] = folder.mask_folders(
                    subset) if folder.with_masks else []
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
                make = self._sound if kind == 'wav' else self._log_mel
                yield make(clip, path)
            elif kind == 'wav' and not _is_sound(path):
                others = ', '.join(
                    map(osp.basename, self._other_files(path))) or 'nothing'
                yield Repair(
                    path, False, 'broken, and left as it is; when it is '
                    f'removed, it could be made from {others}')
        forms = self._folder.mask_folders_of(clip)
        wanted = self._masks[clip.subset]
        if len(wanted) == len(MASK_FOLDERS):
            for name, other in (wanted, wanted[::-1]):
                for file in sorted(
                        set(names_in(forms[other])) -
                        set(names_in(forms[name]))):
                    if file.endswith('.png'):
                        yield self._mask(f'{forms[name]}/{file}',
                                         f'{forms[other]}/{file}', name)

    def _other_files(self, path: str) -> List[str]:
        """Sound and video files of the clip whose sound this is to be."""
        folder, stem = osp.dirname(path), osp.splitext(path)[0]
        candidates = [stem + suffix for suffix in SUFFIXES]
        if self._folder.layout == 'semantic':
            candidates = [f'{folder}/{name}' for name in names_in(folder)]
            candidates += [folder + suffix for suffix in SUFFIXES]
        return sorted(
            name for name in candidates if name != path
            and name.lower().endswith(SUFFIXES) and osp.isfile(name))

    def _sound(self, clip: Clip, path: str) -> Repair:
        candidates = self._other_files(path)
        if len(candidates) != 1:
            names = ', '.join(map(osp.basename, candidates))
            return Repair(
                path, False, f'several files could be its sound: {names}'
                if names else 'no other sound or video file of the clip')
        source, = candidates
        count = clip.num_frames or len(names_in(clip.images))
        wanted = count / self._folder.fps
        try:
            waveform = read_sound(source)
        except MediaError as error:
            return Repair(path, False, str(error))
        seconds = len(waveform) / SAMPLE_RATE
        if abs(seconds - wanted) > _TOLERANCE:
            return Repair(
                path, False, f'{osp.basename(source)} lasts {seconds:.2f} s, '
                f'the frames {wanted:g} s')
        write_wav(path, waveform)
        return Repair(path, True, f'from {osp.basename(source)}')

    def _log_mel(self, clip: Clip, path: str) -> Repair:
        source = self._folder.sound_files(clip)['wav']
        try:
            waveform = read_waveform(source)
        except (FileNotFoundError, AudioFileError) as error:
            return Repair(path, False, str(error))
        if len(waveform) < EXAMPLE_SAMPLES:
            return Repair(path, False, f'{source} is too short for one')
        examples = log_mel_examples(torch.from_numpy(waveform))
        with atomic_write(path) as partial, open(partial, 'wb') as file:
            pickle.dump(examples, file)
        return Repair(path, True, f'from {osp.basename(source)}')

    def _mask(self, path: str, source: str, form: str) -> Repair:
        try:
            content = fileio.get(source)
            if form == 'labels_semantic':
                rgb = mmcv.imfrombytes(
                    content, channel_order='rgb', backend='pillow')
                labels = labels_from_rgb(rgb, self._palette)
                unknown, mask = labels < 0, labels
            else:
                labels = decode_labels(content).astype(np.int64)
                if labels.ndim != 2:
                    raise ValueError('colours')
                colors = voc_palette(256)
                colors[:len(self._palette)] = self._palette
                unknown = (labels >= len(self._palette)) & (
                    labels != IGNORE_INDEX)
                mask = np.array(colors)[labels]
        except Exception:  # each decoder has its own kinds
            return Repair(path, False, f'{source} can\'t be decoded')
        if unknown.any():
            return Repair(
                path, False, f'{unknown.sum()} pixels of {source} have an '
                'unknown value')
        with atomic_write(path) as partial:
            Image.fromarray(mask.astype(np.uint8)).save(partial, 'PNG')
        return Repair(path, True, f'from {osp.basename(osp.dirname(source))}')
