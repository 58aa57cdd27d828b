# Copyright (c) mmteso contributors. All rights reserved.
"""Where the frames come from that are to get text cues.

A source has a method ``list_frames()``, which lists all frames, clip by clip.
"""
import os
import re
from typing import Dict, List, Tuple

from mmseg.registry import DATASETS

from .base import FRAME_SOURCES, Frame

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.webp', '.bmp')


@FRAME_SOURCES.register_module()
class DatasetFrames:
    """The frames of a data set, with its videos' labels if it knows them.

    Args:
        dataset (dict): Config of an audio-visual data set (whose samples have
            ``img_path``, ``uid`` and ``frame``), without pipeline. For
            AVSBench's frames that have no mask as well, e.g. those of v1s
            train, set ``with_masks=False``.
    """

    def __init__(self, dataset: dict) -> None:
        self.dataset = dict(dataset, pipeline=[])

    def list_frames(self) -> List[Frame]:
        """All frames; FileNotFoundError if there are none."""
        dataset = DATASETS.build(self.dataset)
        clips: Dict[str, List[dict]] = {}
        for sample in map(dataset.get_data_info, range(len(dataset))):
            if not {'img_path', 'uid', 'frame'} <= sample.keys():
                raise ValueError(
                    f'The samples of {type(dataset).__name__} lack img_path, '
                    'uid or frame. Take an audio-visual data set, or '
                    'FolderFrames.')
            clips.setdefault(sample['uid'], []).append(sample)
        if not clips:
            raise FileNotFoundError(
                f'{type(dataset).__name__} is empty: {self.dataset}')
        frames = []
        for uid, clip in clips.items():
            clip.sort(key=lambda sample: sample['frame'])
            paths = tuple(sample['img_path'] for sample in clip)
            frames += [Frame(uid, sample['frame'], sample['img_path'], paths,
                             sample.get('a_obj')) for sample in clip]
        return frames


def _natural(name: str) -> Tuple:
    """Sort key by which '2.jpg' comes before '10.jpg'."""
    parts = re.split(r'(\d+)', name)
    parts[1::2] = map(int, parts[1::2])
    return tuple(parts) + (name, )


@FRAME_SOURCES.register_module()
class FolderFrames:
    """Image files in a folder, for videos that are no data set.

    The folder holds the frames of one clip (``root/*.jpg``), or a folder for
    each clip with the frames in it (``root/{uid}/*.jpg``) or, as AVSBench has
    them, in its ``frames`` (``root/{uid}/frames/*.jpg``). Frames are counted
    from 0 in the natural order of their names (2 before 10), whatever these
    are (``ffmpeg`` begins with 1).

    Args:
        root (str): The folder.
    """

    def __init__(self, root: str) -> None:
        self.root = root

    def list_frames(self) -> List[Frame]:
        """All frames; FileNotFoundError if there are none."""
        if not os.path.isdir(self.root):
            raise FileNotFoundError(
                f'The folder of frames "{self.root}" does not exist.')
        root = os.path.abspath(self.root)
        clips = []
        for uid in sorted(os.listdir(root), key=_natural):
            folder = os.path.join(root, uid)
            if os.path.isdir(os.path.join(folder, 'frames')):
                folder = os.path.join(folder, 'frames')
            if os.path.isdir(folder):
                clips += self._clip(uid, folder)
        own = self._clip(os.path.basename(root), root)
        if bool(own) == bool(clips):
            raise (ValueError if own else FileNotFoundError)(
                f'"{self.root}" holds {len(own)} images, and its folders '
                f'{len(clips)} ({", ".join(IMAGE_SUFFIXES)}). Give one clip, '
                'or a folder per clip.')
        return own or clips

    def _clip(self, uid: str, folder: str) -> List[Frame]:
        """The frames in a folder, none if it holds no images."""
        names = [
            name for name in sorted(os.listdir(folder), key=_natural)
            # macOS leaves ._0.jpg beside 0.jpg
            if name.lower().endswith(IMAGE_SUFFIXES) and name[0] != '.'
        ]
        paths = tuple(os.path.join(folder, name) for name in names)
        return [Frame(uid, number, path, paths)
                for number, path in enumerate(paths)]
