# Copyright (c) mmteso contributors. All rights reserved.
"""Where the files of a clip lie, and which of them are there."""
import os
from typing import Any, FrozenSet, List, Mapping, NamedTuple, Optional, Tuple

import mmengine.fileio as fileio


class Clip(NamedTuple):
    """Where a clip's files lie.

    Those of frame t (from 0) are named by a prefix and ``first + t``.
    """
    uid: str
    subset: str
    split: str
    a_obj: Tuple[str, ...]  # classes that sound in it
    images: str  # folder of its frames
    masks: str  # folder of its masks
    audio: Tuple[str, str]  # the sample's key for its sound, and the file
    num_frames: Optional[int] = None  # None: as many as the folders hold
    num_masks: Optional[int] = None  # of the first frames; None: of all
    visible: Optional[str] = None  # folder of visible objects' masks, if any
    image_prefix: str = ''
    mask_prefix: str = ''
    first: int = 0  # number of frame 0 in the names
    extra: Mapping[str, Any] = {}  # further keys of its samples

    @property
    def name(self) -> str:
        """'{subset}/{uid}'."""
        return f'{self.subset}/{self.uid}'

    def list_frames(
        self,
        img_suffix: str,
        seg_map_suffix: str,
        with_masks: bool,
        check_files: bool,
        backend_args: Optional[dict] = None
    ) -> Tuple[List[dict], List[Tuple[str, str]], List[int]]:
        """The clip's samples; for the arguments see :class:`BaseAVSDataset`.

        Returns:
            tuple: The samples whose files are there; path of each missing
            file, and what is expected there; the frames that need one.
        """
        count, images, masks = self.num_frames, None, None
        if check_files or count is None:
            images = list_names(self.images, backend_args)
        if check_files:
            masks = list_names(self.masks, backend_args)
        visible = self.visible and list_names(self.visible, backend_args)
        if count is None:
            # the highest number: a gap, or a mask without its frame, is thus
            # a missing frame, not a shorter clip
            stems = [
                name.removesuffix(suffix)
                for names, suffix in ((images, img_suffix),
                                      (masks, seg_map_suffix))
                for name in names or ()
            ]
            count = max((int(stem) + 1 for stem in stems if stem.isdecimal()),
                        default=0)
        wanted = range(count)
        if with_masks and self.num_masks is not None:
            wanted = wanted[:self.num_masks]

        key, sound = self.audio
        missing: List[Tuple[str, str]] = []
        if not count or (check_files and images is None):
            missing = [(self.images, f'frames {self.image_prefix}{self.first}'
                        f'{img_suffix}, ...')]
        elif check_files and with_masks and masks is None:
            missing = [(self.masks, f'the masks of {len(wanted)} frames; data '
                        'without any: with_masks=False')]
        elif check_files and not fileio.isfile(
                sound, backend_args=backend_args):
            missing = [(sound, 'the sound of the clip')]
        if missing:
            return [], missing, list(wanted)

        frames, skipped = [], []
        for frame in wanted:
            number = self.first + frame
            image = f'{self.image_prefix}{number}{img_suffix}'
            mask = f'{self.mask_prefix}{number}{seg_map_suffix}'
            lacking = [(f'{folder}/{name}', expected)
                       for folder, name, names, expected in (
                           (self.images, image, images, f'{count} frames'),
                           (self.masks, mask, masks if with_masks else None,
                            'the mask of the frame'),
                           (self.visible, mask, visible,
                            'the visible objects of the frame'))
                       if check_files and names is not None
                       and name not in names]
            if lacking:
                missing += lacking
                skipped.append(frame)
                continue
            has_mask = with_masks or mask in (masks or ())
            frames.append({
                'img_path': f'{self.images}/{image}',
                'seg_map_path': f'{self.masks}/{mask}' if has_mask else None,
                'visible_map_path':
                None if visible is None else f'{self.visible}/{mask}',
                key: sound,
                'uid': self.uid,
                'frame': frame,
                'num_frames': count,
                'subset': self.subset,
                'split': self.split,
                'a_obj': self.a_obj,
                **self.extra
            })
        return frames, missing, skipped


def list_names(folder: str,
               backend_args: Optional[dict] = None
               ) -> Optional[FrozenSet[str]]:
    """Names of the entries of a folder; None if there is no such one."""
    if backend_args is None:
        # mmengine's walker resolves a path per entry: 30 times slower.
        try:
            return frozenset(os.listdir(folder))
        except (FileNotFoundError, NotADirectoryError):
            return None
    if not fileio.isdir(folder, backend_args=backend_args):
        return None
    return frozenset(
        name.rstrip('/')
        for name in fileio.list_dir_or_file(folder, backend_args=backend_args))
