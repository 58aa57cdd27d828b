# Copyright (c) mmteso contributors. All rights reserved.
"""The object layout rewritten as the semantic one."""
import os
import os.path as osp
import shutil
from typing import Dict, Optional, Tuple

import mmcv
import numpy as np
from PIL import Image

from mmteso.io import read_image
from ..clip_metadata import COLUMNS
from ..clips import Clip
from ..data_check import map_in_threads
from .files import save_frame, write_lines, write_table
from .layout import DataFolder

_SUBSETS = dict(s4='v1s', ms3='v1m')
# class of what sounds in MS3, which has no classes
_SOUNDING = 'sounding'


def convert_to_semantic(
        folder: DataFolder,
        out_dir: str,
        num_workers: Optional[int] = None) -> Tuple[int, Dict[str, str]]:
    """Write a folder of the object layout anew in the semantic one.

    S4 becomes ``v1s`` and MS3 ``v1m``, masks of class indices. The classes, in
    ``classes.txt``, are S4's categories (with '-' for '_') and 'sounding' for
    MS3, which names none. A clip that lacks a file, or has one that can't be
    read, is left out.

    Gives the number of clips written, and why the others were left out, by
    '{subset}/{uid}'. A FileExistsError if ``out_dir`` isn't empty; a
    ValueError if the folder is of another layout, or S4 and MS3 have a clip of
    the same name. ``num_workers``: see :func:`check_folder`.
    """
    if folder.layout != 'object':
        raise ValueError(f'{folder.root} is no folder of the object layout')
    if osp.isdir(out_dir) and os.listdir(out_dir):
        raise FileExistsError(f'{out_dir} is not empty; name a new folder')
    clips = [clip for clip in folder.clips if clip.subset in folder.subsets]
    if len({clip.uid for clip in clips}) < len(clips):
        raise ValueError(f'{folder.root}: S4 and MS3 have clips of the same '
                         'name; convert them one by one, each to its folder')
    categories = {name for clip in clips for name in clip.a_obj}
    # a_obj joins classes by '_'
    renamed = {name: name.replace('_', '-') for name in categories}
    names = ['background', *sorted(renamed.values())]
    if 'ms3' in folder.subsets:
        names.append(_SOUNDING)

    def convert(clip):
        target = f'{out_dir}/{_SUBSETS[clip.subset]}/{clip.uid}'
        label = names.index(
            renamed[clip.a_obj[0]] if clip.a_obj else _SOUNDING)
        try:
            _convert(clip, target, label)
        except (OSError, ValueError) as error:
            shutil.rmtree(target, ignore_errors=True)
            return str(error)
        return None

    errors = map_in_threads(convert, clips, 'converting', 'clip', num_workers)
    write_table(osp.join(out_dir, 'metadata.csv'), COLUMNS, [
        dict.fromkeys(COLUMNS, '') | dict(
            vid=clip.uid,
            uid=clip.uid,
            a_obj='_'.join(renamed[name] for name in clip.a_obj),
            split=clip.split,
            label=_SUBSETS[clip.subset])
        for clip, error in zip(clips, errors) if error is None
    ])
    write_lines(osp.join(out_dir, 'classes.txt'), names)
    left_out = {
        clip.name: error
        for clip, error in zip(clips, errors) if error is not None
    }
    return len(clips) - len(left_out), left_out


def _convert(clip: Clip, target: str, label: int) -> None:
    for name in ('frames', 'labels_semantic'):
        os.makedirs(f'{target}/{name}')
    for frame in range(clip.num_frames or 0):
        number = clip.first + frame
        image = read_image(f'{clip.images}/{clip.image_prefix}{number}.png')
        save_frame(f'{target}/frames/{frame}.jpg', image)
        if clip.num_masks is not None and frame >= clip.num_masks:
            continue
        path = f'{clip.masks}/{clip.mask_prefix}{number}.png'
        mask = mmcv.imread(path, flag='grayscale', backend='pillow')
        if mask is None or mask.shape != image.shape[:2]:
            raise ValueError(f'{path} can\'t be decoded or has another size '
                             'than its frame')
        labels = np.where(mask > 0, label, 0).astype(np.uint8)
        Image.fromarray(labels).save(
            f'{target}/labels_semantic/{frame}.png')
    shutil.copyfile(clip.audio[1], f'{target}/audio.wav')
