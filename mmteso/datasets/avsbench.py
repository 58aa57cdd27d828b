# Copyright (c) mmteso contributors. All rights reserved.
"""The AVSBench-semantic release: V1S, V1M and V2."""
import os.path as osp
from typing import Any, Dict, List, Optional, Sequence, Union

import mmengine.fileio as fileio
from mmseg.registry import DATASETS

from mmteso.choices import FRAMES_PER_CLIP, check_choices
from .avsbench_meta import check_label2idx
from .base_avs_dataset import BaseAVSDataset
from .clip_metadata import ClipRow, read_clip_metadata
from .clips import Clip

_LABEL_FORMATS = dict(labels_rgb='rgb', labels_semantic='index')


def semantic_clip(root: str, subset: str, uid: str, masks: str,
                  **more: Any) -> Clip:
    """Where the layout has a clip's files; ``masks`` is their folder."""
    folder = f'{root}/{subset}/{uid}'
    return Clip(
        uid=uid,
        subset=subset,
        images=f'{folder}/frames',
        masks=f'{folder}/{masks}',
        visible=f'{folder}/labels_visible',
        audio=('audio_path', f'{folder}/audio.wav'),
        **more)


@DATASETS.register_module()
class AVSBenchDataset(BaseAVSDataset):
    """AVSBench in the layout of the AVSBench-semantic release.

    .. code-block:: none

        data_root/metadata.csv      vid,uid,s_min,s_sec,a_obj,split,label
        data_root/label2idx.json    optional; checked if it is there
        data_root/{v1s|v1m|v2}/{uid}/frames/{t}.jpg
                                     labels_rgb/{t}.png
                                     labels_semantic/{t}.png
                                     labels_visible/{t}.png   optional
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
        subsets (str | Sequence[str]): Subsets to read, which are folders: of
            AVSBench 'v1s', 'v1m' and 'v2'. Defaults to 'v1m'.
        split (str | Sequence[str], optional): 'train', 'val', 'test' or
            another split that ``ann_file`` names, or several of them; None
            takes every row. Defaults to 'train'.
        task (str): 'binary' (2 classes: background, sounding) or 'semantic'
            (the classes of ``metainfo``). Defaults to 'binary'.
        mask_source (str): 'labels_rgb' (VOC colours) or 'labels_semantic'
            (indices); both say the same. Defaults to 'labels_rgb'.
        frames_per_clip (int | dict | str, optional): Frames of a clip: a
            number, numbers by subset, or 'folder' to count what the clip's
            folders hold. None means what the release has (5 in
            v1s and v1m, 10 in v2), and 'folder' if ``metainfo`` names other
            classes than the release's. Defaults to None.
        ann_file (str): The metadata, relative to ``data_root``. Defaults to
            'metadata.csv'.
        metainfo (dict, optional): The class set; see
            :class:`BaseAVSDataset`. Defaults to None: AVSBench's 71 classes.
        **kwargs: ``with_masks``, ``check_files``, ``missing``,
            ``off_screen``, ... of :class:`BaseAVSDataset`, ``pipeline``,
            ``test_mode``, ``indices``, ``lazy_init``, ``backend_args``, ...
            of :class:`mmseg.datasets.BaseSegDataset`.

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
                 frames_per_clip: Union[int, Dict[str, int], str,
                                        None] = None,
                 ann_file: str = 'metadata.csv',
                 metainfo: Optional[dict] = None,
                 **kwargs) -> None:
        self.subsets = (subsets, ) if isinstance(subsets, str) \
            else tuple(subsets)
        if not self.subsets:
            raise ValueError('subsets must name one or more folders of '
                             f'data_root, but got {subsets!r}')
        check_choices(mask_source=(mask_source, _LABEL_FORMATS))
        if split is not None and not split:
            raise ValueError(
                'split must be one or more splits that ann_file names, or '
                f'None for all of its rows, but got {split!r}')
        self.split = split
        self.mask_source = mask_source
        if frames_per_clip is None:
            frames_per_clip = 'folder' if 'classes' in (metainfo or {}) \
                else FRAMES_PER_CLIP
        self.frames_per_clip = self._frames_by_subset(frames_per_clip)
        super().__init__(
            task=task,
            label_format=_LABEL_FORMATS[mask_source],
            metainfo=metainfo,
            data_root=data_root,
            ann_file=ann_file,
            **kwargs)

    def _frames_by_subset(self, frames_per_clip) -> Dict[str, Optional[int]]:
        """Number of frames by subset, None where the folder says it."""
        if frames_per_clip == 'folder':
            return dict.fromkeys(self.subsets)
        numbers = frames_per_clip
        if not isinstance(numbers, dict):
            numbers = dict.fromkeys(self.subsets, numbers)
        for subset in self.subsets:
            number = numbers.get(subset)
            if not isinstance(number, int) or number < 1:
                raise ValueError(
                    "frames_per_clip must be 'folder', a positive number, or "
                    f'such a number for each of the subsets {self.subsets}, '
                    f'but got {frames_per_clip!r} (the release has '
                    f'{FRAMES_PER_CLIP})')
        return numbers

    def list_clips(self) -> List[Clip]:
        """The clips of the split and the subsets; checks label2idx.json."""
        label2idx = osp.join(self.data_root, 'label2idx.json')
        if fileio.exists(label2idx, backend_args=self.backend_args):
            check_label2idx(label2idx, self.class_names, self.backend_args)
        return [self._clip(row) for row in self.read_rows()]

    def read_rows(self) -> List[ClipRow]:
        """Read the rows of the split and the subsets, in their order."""
        return read_clip_metadata(self.ann_file, self.class_names, self.split,
                                  self.subsets, self.backend_args)

    def _clip(self, row: ClipRow) -> Clip:
        return semantic_clip(
            self.data_root,
            row.subset,
            row.uid,
            self.mask_source,
            split=row.split,
            a_obj=row.a_obj,
            num_frames=self.frames_per_clip[row.subset],
            num_masks=1 if (row.subset, row.split) == ('v1s', 'train') else
            None,
            extra=dict(vid=row.vid, unseen_source=row.unseen_source))
