# Copyright (c) mmteso contributors. All rights reserved.
"""Where the frames come from that are to get text cues."""
import os
import re
from abc import ABCMeta, abstractmethod
from typing import Dict, List, Sequence, Tuple

from mmseg.registry import DATASETS

from .registry import FRAME_SOURCES
from .structures import Frame

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.webp', '.bmp')


class BaseFrames(metaclass=ABCMeta):
    """A list of frames, clip by clip, in time order within a clip."""

    @abstractmethod
    def list_frames(self) -> List[Frame]:
        """List the frames.

        Returns:
            list[Frame]: All frames; those of a clip are neighbours.

        Raises:
            FileNotFoundError: If there are none.
        """


@FRAME_SOURCES.register_module()
class DatasetFrames(BaseFrames):
    """The frames of a data set.

    Args:
        dataset (dict): Config of an audio-visual data set (whose samples have
            ``img_path``, ``uid`` and ``frame``), without pipeline. For
            AVSBench's frames that have no mask as well, e.g. those of v1s
            train, set ``with_masks=False``.
    """

    def __init__(self, dataset: dict) -> None:
        self.dataset = dict(dataset, pipeline=[])

    def list_frames(self) -> List[Frame]:
        """See :meth:`BaseFrames.list_frames`.

        Returns:
            list[Frame]: One per sample, with the video's labels if the data
            set knows them.

        Raises:
            FileNotFoundError: If the data set is empty or incomplete.
            KeyError: If the data set's samples don't say clip and frame.
        """
        dataset = DATASETS.build(self.dataset)
        samples = [dataset.get_data_info(i) for i in range(len(dataset))]
        if not samples:
            raise FileNotFoundError(
                f'{type(dataset).__name__} is empty: {self.dataset}')
        lacking = {'img_path', 'uid', 'frame'} - set(samples[0])
        if lacking:
            raise KeyError(
                f'The samples of {type(dataset).__name__} lack '
                f'{sorted(lacking)}: text cues are kept by clip and frame. '
                'Take an audio-visual data set, or FolderFrames.')
        clips: Dict[str, List[dict]] = {}
        for sample in samples:
            clips.setdefault(sample['uid'], []).append(sample)
        frames = []
        for uid, clip in clips.items():
            clip.sort(key=lambda sample: sample['frame'])
            paths = tuple(sample['img_path'] for sample in clip)
            frames += [
                Frame(uid, sample['frame'], sample['img_path'], paths,
                      sample.get('a_obj')) for sample in clip
            ]
        return frames


def _natural(name: str) -> Tuple:
    """Sort key by which '2.jpg' comes before '10.jpg'."""
    parts = re.split(r'(\d+)', name)
    parts[1::2] = map(int, parts[1::2])
    return tuple(parts) + (name, )


@FRAME_SOURCES.register_module()
class FolderFrames(BaseFrames):
    """Image files in a folder, for videos that are no data set.

    The folder holds the frames of one clip, or a folder for each clip with
    the frames in it or in its ``frames``::

        root/*.jpg                 one clip, named like the folder
        root/{uid}/*.jpg           clips
        root/{uid}/frames/*.jpg    clips, as AVSBench has them

    Frames are taken in the natural order of their names (2 before 10).

    Args:
        root (str): The folder.
        numbering (str): The frame numbers: 'order', counted from 0 whatever
            the files are called (``ffmpeg`` begins with 1), or 'name', the
            number that the file is called. Defaults to 'order'.

    Raises:
        ValueError: If ``numbering`` is neither.
    """

    def __init__(self, root: str, numbering: str = 'order') -> None:
        if numbering not in ('order', 'name'):
            raise ValueError("numbering must be 'order' or 'name', but got "
                             f'{numbering!r}')
        self.root = root
        self.numbering = numbering

    def _images(self, folder: str) -> List[str]:
        names = [
            name for name in os.listdir(folder)
            # macOS leaves ._0.jpg beside 0.jpg
            if name.lower().endswith(IMAGE_SUFFIXES) and name[0] != '.'
        ]
        return sorted(names, key=_natural)

    def _clip(self, uid: str, folder: str, names: Sequence[str]
              ) -> List[Frame]:
        paths = tuple(os.path.join(folder, name) for name in names)
        numbers = range(len(names))
        if self.numbering == 'name':
            stems = [os.path.splitext(name)[0] for name in names]
            wrong = [stem for stem in stems if not stem.isdecimal()]
            if wrong or len({int(stem) for stem in stems}) < len(stems):
                raise ValueError(
                    f"numbering='name' needs files called by different "
                    f'numbers in "{folder}", but got '
                    f'{(wrong or stems)[:10]}')
            numbers = [int(stem) for stem in stems]
        return [
            Frame(uid, number, path, paths)
            for number, path in zip(numbers, paths)
        ]

    def list_frames(self) -> List[Frame]:
        """See :meth:`BaseFrames.list_frames`.

        Returns:
            list[Frame]: One per image, without labels.

        Raises:
            FileNotFoundError: If there is no such folder, or no image in it.
            ValueError: If the layout is mixed, or names aren't numbers where
                they have to be.
        """
        if not os.path.isdir(self.root):
            raise FileNotFoundError(
                f'The folder of frames "{self.root}" does not exist.')
        root = os.path.abspath(self.root)
        clips = []
        for uid in sorted(os.listdir(root), key=_natural):
            folder = os.path.join(root, uid)
            if not os.path.isdir(folder):
                continue
            if os.path.isdir(os.path.join(folder, 'frames')):
                folder = os.path.join(folder, 'frames')
            names = self._images(folder)
            if names:
                clips.append((uid, folder, names))
        own = self._images(root)
        if own and clips:
            raise ValueError(
                f'"{self.root}" holds images ({own[0]}, ...) and folders with '
                f'images ({clips[0][0]}, ...). Give one clip, or a folder '
                'per clip.')
        if own:
            clips = [(os.path.basename(root), root, own)]
        if not clips:
            raise FileNotFoundError(
                f'There is no image ({", ".join(IMAGE_SUFFIXES)}) in '
                f'"{self.root}", its folders, or their "frames".')
        return [frame for clip in clips for frame in self._clip(*clip)]
