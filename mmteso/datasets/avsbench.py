# Copyright (c) mmteso contributors. All rights reserved.
"""The AVSBench-semantic release: V1S, V1M and V2."""
import os.path as osp
from typing import Collection, Dict, List, Optional, Sequence, Union

import mmengine.fileio as fileio
from mmseg.registry import DATASETS

from .avsbench_meta import FRAMES_PER_CLIP, check_label2idx
from .base_avs_dataset import BaseAVSDataset
from .clip_metadata import ClipRow, read_clip_metadata

_LABEL_FORMATS = dict(labels_rgb='rgb', labels_semantic='index')
_VISIBLE = 'labels_visible'


@DATASETS.register_module()
class AVSBenchDataset(BaseAVSDataset):
    """AVSBench in the layout of the AVSBench-semantic release.

    One frame (with its second of sound) is one sample.

    .. code-block:: none

        data_root/metadata.csv      vid,uid,s_min,s_sec,a_obj,split,label
        data_root/label2idx.json    optional; checked if it is there
        data_root/{v1s|v1m|v2}/{uid}/frames/{t}.jpg
                                     labels_rgb/{t}.png
                                     labels_semantic/{t}.png
                                     labels_visible/{t}.png   (SynthAVS only)
                                     audio.wav

    ``v1s`` clips of the training split have a mask for frame 0 only and give
    that frame only.

    The benchmarks of the papers: V1S is ``subsets='v1s', task='binary'``, V1M
    is ``subsets='v1m', task='binary'``, AVSS-binary is ``subsets='v2',
    task='binary'`` (or all three subsets), AVSS is ``subsets=('v1s', 'v1m',
    'v2'), task='semantic'``. The lists of AVS-V3 are read by
    :class:`AVSBenchV3Dataset`.

    A sample has the keys ``img_path``, ``seg_map_path`` (None without a
    mask), ``visible_map_path`` (None without ``labels_visible``),
    ``audio_path``, ``uid``, ``frame`` (0-based second), ``num_frames`` (of
    the clip), ``subset``, ``split``, ``a_obj`` (tuple of classes that sound
    in the clip), ``vid`` (the video that the clip is cut from, '' if not
    known), ``unseen_source`` (whether ``a_obj`` names something unlabelled),
    ``task``, ``label_format`` ('rgb' or 'index'), ``class_names`` (semantic
    classes, background first), ``palette`` (colours of ``labels_rgb``), and
    those of every mmseg data set.

    Args:
        data_root (str): Folder of ``metadata.csv``.
        subsets (str | Sequence[str]): Subsets to read: 'v1s', 'v1m', 'v2'.
            Defaults to 'v1m'.
        split (str | Sequence[str], optional): 'train', 'val', 'test' or
            another split that ``ann_file`` names, or several of them; None
            takes every row. Defaults to 'train'.
        task (str): 'binary' (2 classes: background, sounding) or 'semantic'
            (the classes of ``metainfo``). Defaults to 'binary'.
        mask_source (str): 'labels_rgb' (VOC colours) or 'labels_semantic'
            (indices); both say the same. Defaults to 'labels_rgb'.
        with_masks (bool): Whether every frame must have a mask. False is for
            sets without ground truth, which ``tools/test.py`` predicts and
            doesn't score, and for features of all frames: it also gives the
            frames that have none (``seg_map_path=None``), as those of v1s
            train. Needs ``check_files=True``. Defaults to True.
        frames_per_clip (int | dict | str, optional): Frames of a clip: a
            number, numbers by subset, or 'folder' to count what the clip's
            folders hold. None means what the release has (5 in
            v1s and v1m, 10 in v2), and 'folder' if ``metainfo`` names other
            classes than the release's. Defaults to None.
        check_files (bool): Whether to look for all files when the data set
            is built. See :class:`BaseAVSDataset`. Defaults to True.
        missing (str): 'error' or 'skip'. See :class:`BaseAVSDataset`. A
            missing image or mask costs its frame, a missing sound the clip.
            Defaults to 'error'.
        ann_file (str): The metadata, relative to ``data_root``. Defaults to
            'metadata.csv'.
        metainfo (dict, optional): The class set; see
            :class:`BaseAVSDataset`. Defaults to None: AVSBench's 71 classes.
        **kwargs: ``pipeline``, ``test_mode``, ``indices``, ``lazy_init``,
            ``backend_args``, ... of
            :class:`mmseg.datasets.BaseSegDataset`.

    Raises:
        FileNotFoundError: The root, the metadata, or files of clips are
            missing.
        ValueError: An argument, the metadata or ``label2idx.json`` is wrong.
    """

    def __init__(self,
                 data_root: str,
                 subsets: Union[str, Sequence[str]] = 'v1m',
                 split: Union[str, Sequence[str], None] = 'train',
                 task: str = 'binary',
                 mask_source: str = 'labels_rgb',
                 with_masks: bool = True,
                 frames_per_clip: Union[int, Dict[str, int], str,
                                        None] = None,
                 check_files: bool = True,
                 missing: str = 'error',
                 ann_file: str = 'metadata.csv',
                 metainfo: Optional[dict] = None,
                 **kwargs) -> None:
        self.subsets = (subsets, ) if isinstance(subsets, str) \
            else tuple(subsets)
        unknown = [name for name in self.subsets
                   if name not in FRAMES_PER_CLIP]
        if unknown or not self.subsets:
            raise ValueError('subsets must be one or more of '
                             f'{list(FRAMES_PER_CLIP)}, but got {subsets!r}')
        if mask_source not in _LABEL_FORMATS:
            raise ValueError('mask_source must be one of '
                             f'{list(_LABEL_FORMATS)}, but got '
                             f'{mask_source!r}')
        if not with_masks and not check_files:
            raise ValueError('with_masks=False has to know which masks there '
                             'are: set check_files=True')
        if split is not None and not split:
            raise ValueError(
                'split must be one or more splits that ann_file names, or '
                f'None for all of its rows, but got {split!r}')
        self.split = split
        self.mask_source = mask_source
        self.with_masks = with_masks
        if frames_per_clip is None:
            frames_per_clip = 'folder' if 'classes' in (metainfo or {}) \
                else FRAMES_PER_CLIP
        self.frames_per_clip = self._frames_by_subset(frames_per_clip)
        super().__init__(
            task=task,
            label_format=_LABEL_FORMATS[mask_source],
            metainfo=metainfo,
            check_files=check_files,
            missing=missing,
            data_root=data_root,
            ann_file=ann_file,
            **kwargs)

    def _frames_by_subset(self, frames_per_clip) -> Dict[str, Optional[int]]:
        """Number of frames by subset, None where the folder says it."""
        if frames_per_clip == 'folder':
            return {subset: None for subset in self.subsets}
        if isinstance(frames_per_clip, int):
            frames_per_clip = {
                subset: frames_per_clip
                for subset in self.subsets
            }
        if not isinstance(frames_per_clip, dict) or any(
                not isinstance(frames_per_clip.get(subset), int)
                or frames_per_clip[subset] < 1 for subset in self.subsets):
            raise ValueError(
                "frames_per_clip must be 'folder', a positive number, or "
                f'such a number for each of the subsets {self.subsets}, but '
                f'got {frames_per_clip!r}')
        return {subset: frames_per_clip[subset] for subset in self.subsets}

    def collect_frames(self) -> List[dict]:
        """List the frames of the split and the subsets.

        Returns:
            list[dict]: One dict per frame, without the shared keys.
        """
        if not fileio.isdir(self.data_root, backend_args=self.backend_args):
            raise FileNotFoundError(
                f'data_root {self.data_root!r} is no folder; expected the '
                'one that holds metadata.csv and the folders of the subsets '
                f'{list(self.subsets)}')
        label2idx = osp.join(self.data_root, 'label2idx.json')
        if fileio.exists(label2idx, backend_args=self.backend_args):
            check_label2idx(label2idx, self.class_names, self.backend_args)
        frames: List[dict] = []
        for row in self.read_clips():
            if self.check_files:
                frames.extend(self._checked_clip(row))
            else:
                frames.extend(self._unchecked_clip(row))
        return frames

    def read_clips(self) -> List[ClipRow]:
        """Read the clips of the split and the subsets.

        Returns:
            list[ClipRow]: The clips, in the order of ``ann_file``.
        """
        return read_clip_metadata(self.ann_file, self.class_names, self.split,
                                  self.subsets, self.backend_args)

    def _labelled(self, row: ClipRow, num_frames: int) -> int:
        """How many frames of a clip, from the first on, have a mask."""
        return 1 if (row.subset, row.split) == ('v1s', 'train') \
            else num_frames

    def _frame_info(self, row: ClipRow, frame: int, num_frames: int,
                    has_mask: bool, has_visible: bool) -> dict:
        """The sample of a frame, without the shared keys."""
        clip = f'{self.data_root}/{row.subset}/{row.uid}'
        mask = f'{frame}{self.seg_map_suffix}'
        return dict(
            img_path=f'{clip}/frames/{frame}{self.img_suffix}',
            seg_map_path=f'{clip}/{self.mask_source}/{mask}'
            if has_mask else None,
            visible_map_path=f'{clip}/{_VISIBLE}/{mask}'
            if has_visible else None,
            audio_path=f'{clip}/audio.wav',
            uid=row.uid,
            frame=frame,
            num_frames=num_frames,
            subset=row.subset,
            split=row.split,
            a_obj=row.a_obj,
            vid=row.vid,
            unseen_source=row.unseen_source)

    def _count_frames(self, row: ClipRow, images: Optional[Collection[str]],
                      masks: Optional[Collection[str]]) -> int:
        """Number of frames of a clip; with 'folder', the highest plus 1.

        A gap in the numbers, or a mask without its frame, is thus a missing
        frame, not a shorter clip.
        """
        number = self.frames_per_clip[row.subset]
        if number is not None:
            return number
        stems = [
            name[:-len(suffix)]
            for names, suffix in ((images, self.img_suffix),
                                  (masks, self.seg_map_suffix))
            for name in names or () if name.endswith(suffix)
        ]
        return max((int(stem) + 1 for stem in stems if stem.isdecimal()),
                   default=0)

    def _unchecked_clip(self, row: ClipRow) -> List[dict]:
        """Frames of a clip, taking it for granted that the files exist."""
        clip = f'{self.data_root}/{row.subset}/{row.uid}'
        images = None
        if self.frames_per_clip[row.subset] is None:
            images = self.list_names(f'{clip}/frames')
        num_frames = self._count_frames(row, images, None)
        if not num_frames:
            self.note_missing(f'{row.subset}/{row.uid}', f'{clip}/frames',
                              f'expected frames 0{self.img_suffix}, ...')
        has_visible = fileio.isdir(
            f'{clip}/{_VISIBLE}', backend_args=self.backend_args)
        return [
            self._frame_info(row, frame, num_frames, True, has_visible)
            for frame in range(self._labelled(row, num_frames))
        ]

    def _checked_clip(self, row: ClipRow) -> List[dict]:
        """Frames of a clip, after a look at its folders."""
        clip = f'{self.data_root}/{row.subset}/{row.uid}'
        video = f'{row.subset}/{row.uid}'
        entries = self.list_names(clip)
        images = self.list_names(f'{clip}/frames')
        masks = self.list_names(f'{clip}/{self.mask_source}')
        num_frames = self._count_frames(row, images, masks)
        wanted = range(
            self._labelled(row, num_frames) if self.with_masks else num_frames)

        broken = None
        if entries is None:
            broken = (clip, 'expected the folder of the clip')
        elif images is None or not num_frames:
            broken = (f'{clip}/frames',
                      f'expected frames 0{self.img_suffix}, ...')
        elif 'audio.wav' not in entries:
            broken = (f'{clip}/audio.wav', 'expected the sound of the clip')
        if broken is not None:
            self.note_missing(video, *broken)
            self.note_skipped(row.uid, wanted)
            return []

        visible = self.list_names(f'{clip}/{_VISIBLE}') \
            if _VISIBLE in entries else None
        if masks is None and self.with_masks:
            self.note_missing(video, f'{clip}/{self.mask_source}',
                              f'expected the masks of {len(wanted)} frames; '
                              'data without any: with_masks=False')
            self.note_skipped(row.uid, wanted)
            return []
        masks = masks or frozenset()

        frames = []
        for frame in wanted:
            image = f'{frame}{self.img_suffix}'
            mask = f'{frame}{self.seg_map_suffix}'
            lacking = []
            if image not in images:
                lacking.append((f'{clip}/frames/{image}',
                                f'expected {num_frames} frames'))
            if self.with_masks and mask not in masks:
                lacking.append((f'{clip}/{self.mask_source}/{mask}',
                                'expected the mask of the frame'))
            if visible is not None and mask not in visible:
                lacking.append((f'{clip}/{_VISIBLE}/{mask}',
                                'expected the visible objects of the frame'))
            for path, expected in lacking:
                self.note_missing(video, path, expected)
            if lacking:
                self.note_skipped(row.uid, [frame])
                continue
            frames.append(
                self._frame_info(row, frame, num_frames, mask in masks,
                                 visible is not None))
        return frames
