# Copyright (c) mmteso contributors. All rights reserved.
"""AVS-V3: zero-shot and few-shot lists over the AVSBench-semantic release."""
import os.path as osp
from typing import List, Sequence, Union

import mmengine.fileio as fileio
from mmseg.registry import DATASETS

from mmteso.choices import check_choices
from .avsbench import AVSBenchDataset
from .avsbench_meta import SPLITS
from .clip_metadata import ClipRow, read_clip_metadata

_METADATA = 'metadata.csv'
_SHOWN = 5

#: Setting -> split -> list, relative to ``list_dir``.
V3_LISTS = {
    setting: dict(train=train, val='meta_v3_seen_val.csv', test=test)
    for setting, train, test in (
        ('zero-shot', 'meta_v3_seen_train.csv', 'meta_v3_unseen.csv'),
        ('1-shot', 'v3_1_shot/train.csv', 'v3_1_shot/test.csv'),
        ('3-shot', 'v3_3_shot/train.csv', 'v3_3_shot/test.csv'),
        ('5-shot', 'v3_5_shot/train.csv', 'v3_5_shot/test.csv'))
}


@DATASETS.register_module()
class AVSBenchV3Dataset(AVSBenchDataset):
    """AVS-V3: segment what sounds, of classes that training never showed.

    The frames are AVSBench-semantic's (v1m and v2); which clip belongs to
    what is said by lists, published beside GAVS (Wang et al., AAAI 2024;
    GeWu-Lab/Generalizable-Audio-Visual-Segmentation, folder
    ``GAVS/segment_anything/dataset/v3``):

    .. code-block:: none

        data_root/{list_dir}/meta_v3_seen_train.csv    zero-shot: train
                             meta_v3_seen_val.csv      all settings: val
                             meta_v3_unseen.csv        zero-shot: test
                             v3_{1,3,5}_shot/train.csv k-shot: train
                             v3_{1,3,5}_shot/test.csv  k-shot: test

    Few-shot training goes on from the zero-shot model, on k clips of each
    unseen class (``load_from``, see ``configs/v3``).

    As published, 56 classes are seen and 14 unseen in 4,807 / 535 / 758 clips
    of train / val / test, but the few-shot lists leave out the clips of three
    unseen classes (bell, harp, squirrel): 11, 33 and 55 clips to train on and
    532, 510 and 488 to test on. The test clips thus differ from setting to
    setting; 3 or 4 videos have one clip in train.csv and another in test.csv.
    A list's own ``split`` column isn't read: all the few-shot lists say
    'v3_1_shot_train'.

    Where ``metadata.csv`` is there, the lists are held against it: a clip must
    be listed in it with the same subset and, if the list names any, the same
    objects. ``a_obj``, empty in the few-shot lists, is taken from it.

    Samples are those of :class:`AVSBenchDataset`, ``split`` is this one's.

    Args:
        data_root (str): Folder of the subsets' folders.
        setting (str): 'zero-shot', '1-shot', '3-shot' or '5-shot'. Defaults
            to 'zero-shot'.
        split (str): 'train', 'val' or 'test'. Defaults to 'train'.
        list_dir (str): Folder of the lists, relative to ``data_root`` or
            absolute. Defaults to 'v3'.
        subsets (str | Sequence[str]): Subsets to read. V3 has no clip of v1s.
            Defaults to ('v1m', 'v2').
        **kwargs: ``task``, ``metainfo``, ``mask_source``, ``pipeline``, ...
            of :class:`AVSBenchDataset`, except ``ann_file``.

    Raises:
        FileNotFoundError: A list, or files of clips, are missing.
        ValueError: An argument is wrong, or a list contradicts
            ``metadata.csv``.
    """

    def __init__(self,
                 data_root: str,
                 setting: str = 'zero-shot',
                 split: str = 'train',
                 list_dir: str = 'v3',
                 subsets: Union[str, Sequence[str]] = ('v1m', 'v2'),
                 **kwargs) -> None:
        check_choices(setting=(setting, V3_LISTS), split=(split, SPLITS))
        if 'ann_file' in kwargs:
            raise ValueError(
                'setting and split say which list is read: pass list_dir, '
                'the folder of the lists, instead of ann_file')
        self.setting = setting
        super().__init__(
            data_root=data_root,
            subsets=subsets,
            split=split,
            ann_file=osp.join(list_dir, V3_LISTS[setting][split]),
            **kwargs)

    def read_rows(self) -> List[ClipRow]:
        """Read the list, and complete it from ``metadata.csv``."""
        try:
            rows = read_clip_metadata(self.ann_file, self.class_names, None,
                                      self.subsets, self.backend_args)
        except FileNotFoundError as err:
            raise FileNotFoundError(
                f'no list {self.ann_file} of AVS-V3 ({self.setting}, '
                f'{self.split}); put the lists that GAVS publishes there, or '
                'say by list_dir where they are') from err
        path = osp.join(self.data_root, _METADATA)
        if fileio.exists(path, backend_args=self.backend_args):
            rows = self._completed(rows, path)
        return [row._replace(split=self.split) for row in rows]

    def _completed(self, rows: List[ClipRow], path: str) -> List[ClipRow]:
        """Hold the list against the metadata and take ``a_obj`` from it."""
        known = {
            row.uid: row
            for row in read_clip_metadata(path, self.class_names, None, None,
                                          self.backend_args)
        }
        wrong = []
        for row in rows:
            clip = known.get(row.uid)
            if clip is None:
                wrong.append(f'{row.uid} is not in {_METADATA}')
            elif clip.subset != row.subset:
                wrong.append(f'{row.uid} is in {row.subset}, in {_METADATA} '
                             f'in {clip.subset}')
            elif row.a_obj and set(row.a_obj) != set(clip.a_obj):
                wrong.append(f'{row.uid} has the objects {row.a_obj}, in '
                             f'{_METADATA} {clip.a_obj}')
        if wrong:
            raise ValueError(
                f'{self.ann_file} contradicts {path} in {len(wrong)} of '
                f'{len(rows)} clips; do both belong to this data? '
                f'{"; ".join(wrong[:_SHOWN])}')
        return [known[row.uid] for row in rows]
