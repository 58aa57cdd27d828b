# Copyright (c) mmteso contributors. All rights reserved.
"""The older AVSBench-object release: S4 (single source), MS3 (multiple)."""
from typing import List, Optional

from mmseg.registry import DATASETS

from mmteso.choices import check_choices
from .avsbench_meta import SPLITS
from .base_avs_dataset import BaseAVSDataset
from .clip_metadata import leads_inside, read_csv
from .clips import Clip

#: Folder of each subset.
OBJECT_HOMES = dict(s4='Single-source', ms3='Multi-sources')
# columns of their CSV files, of which the last one is the split
_COLUMNS = dict(s4=4, ms3=2)

# sample's key, folder and suffix of the sound
_AUDIO = dict(
    wav=('audio_path', 'audio_wav', '.wav'),
    log_mel=('log_mel_path', 'audio_log_mel', '.pkl'))


def object_clip(root: str, subset: str, name: str, split: str,
                category: Optional[str], audio: str = 'wav') -> Clip:
    """Where the layout has a clip's files; ms3 has no categories."""
    data = f'{root}/{OBJECT_HOMES[subset]}/{subset}_data'
    key, sounds, suffix = _AUDIO[audio]
    below, images = split, f'{data}/visual_frames'
    if category is not None:
        below = f'{split}/{category}'
        images = f'{images}/{below}'
    return Clip(
        uid=name,
        subset=subset,
        split=split,
        a_obj=() if category is None else (category, ),
        images=f'{images}/{name}',
        masks=f'{data}/gt_masks/{below}/{name}',
        audio=(key, f'{data}/{sounds}/{below}/{name}{suffix}'),
        num_frames=5,
        num_masks=1 if (subset, split) == ('s4', 'train') else None,
        image_prefix=f'{name}_' if category else f'{name}.mp4_',
        mask_prefix=f'{name}_',
        first=1)


@DATASETS.register_module()
class AVSBenchObjectDataset(BaseAVSDataset):
    """S4 and MS3 in the layout of the AVSBench-object release; binary.

    .. code-block:: none

        data_root/Single-source/s4_meta_data.csv    name, start, category,
                                                    split
        data_root/Single-source/s4_data/
            visual_frames/{split}/{category}/{name}/{name}_{1..5}.png
            gt_masks/{split}/{category}/{name}/{name}_{1..5}.png
            audio_wav/{split}/{category}/{name}.wav
            audio_log_mel/{split}/{category}/{name}.pkl
        data_root/Multi-sources/ms3_meta_data.csv   name, split
        data_root/Multi-sources/ms3_data/
            visual_frames/{name}/{name}.mp4_{1..5}.png
            gt_masks/{split}/{name}/{name}_{1..5}.png
            audio_wav/{split}/{name}.wav
            audio_log_mel/{split}/{name}.pkl

    The CSV files may have a header line (one that says 'split' in the column
    of the splits) or none. S4 training clips have a mask for the first frame
    only and give that frame only. Layout after ``avs_s4`` and ``avs_ms3`` of
    OpenNLPLab/AVSBench.

    A sample has the keys of :class:`AVSBenchDataset` with ``uid`` the clip's
    name, ``label_format`` 'binary', and ``log_mel_path`` in place of
    ``audio_path`` with ``audio='log_mel'``. ``a_obj`` is the category in S4
    (``class_names`` are background and all categories, sorted) and empty in
    MS3, which has no classes (``class_names`` is None); ``ConcatDataset``
    takes both with ``ignore_keys='class_names'``.

    Args:
        data_root (str): Folder of 'Single-source' and 'Multi-sources'.
        subset (str): 's4' or 'ms3'. Defaults to 's4'.
        split (str, optional): 'train', 'val' or 'test'; None takes every
            clip. Defaults to 'train'.
        audio (str): 'wav', or 'log_mel' for the precomputed pickles.
            Defaults to 'wav'.
        ann_file (str, optional): The CSV file, relative to ``data_root``.
            Defaults to None: the one shown above.
        **kwargs: ``with_masks``, ``check_files``, ``missing``, ... of
            :class:`BaseAVSDataset`, ``pipeline``, ``test_mode``, ... of
            :class:`mmseg.datasets.BaseSegDataset`.

    Raises:
        FileNotFoundError: The root, the CSV file, or files of clips are
            missing.
        ValueError: An argument or the CSV file is wrong.
    """

    def __init__(self,
                 data_root: str,
                 subset: str = 's4',
                 split: Optional[str] = 'train',
                 audio: str = 'wav',
                 ann_file: Optional[str] = None,
                 **kwargs) -> None:
        check_choices(
            subset=(subset, OBJECT_HOMES),
            split=(split, (*SPLITS, None)),
            audio=(audio, _AUDIO))
        self.subset = subset
        self.split = split
        self.audio = audio
        if ann_file is None:
            ann_file = f'{OBJECT_HOMES[subset]}/{subset}_meta_data.csv'
        kwargs.setdefault('img_suffix', '.png')
        super().__init__(
            task='binary',
            label_format='binary',
            data_root=data_root,
            ann_file=ann_file,
            **kwargs)

    def list_clips(self) -> List[Clip]:
        """The clips of the split, in the order of the CSV file."""
        clips = self._read_clips()
        categories = {name for clip in clips for name in clip.a_obj}
        if categories:
            # for what sounds; the masks don't tell them apart
            names = ('background', *sorted(categories))
            self.shared_info['class_names'] = names
            self._metainfo['class_names'] = names
        chosen = [
            clip for clip in clips if self.split in (None, clip.split)
        ]
        if not chosen:
            raise ValueError(f'{self.ann_file} has no clip of split '
                             f'{self.split!r} ({len(clips)} clips in all)')
        return chosen

    def _read_clips(self) -> List[Clip]:
        """Read and check the CSV file."""
        rows = read_csv(self.ann_file, f'AVSBench-object subset '
                        f'{self.subset!r}', self.backend_args)
        if rows and rows[0][1][-1].lower() == 'split':  # a header
            del rows[0]
        clips, names, columns = [], set(), _COLUMNS[self.subset]
        for line, row in rows:
            where = f'{self.ann_file}, line {line}'
            if len(row) != columns or row[-1] not in SPLITS:
                raise ValueError(
                    f'{where}: {row}; expected {columns} columns, the last '
                    f'one the split, one of {list(SPLITS)}')
            name = row[0]
            category = row[2] if self.subset == 's4' else None
            parts = [name] if category is None else [name, category]
            if name in names or not all(map(leads_inside, parts)):
                raise ValueError(
                    f'{where}: name {name!r}, category {category!r}; expected '
                    'a name that no other line has, and a category; both name '
                    "folders and have no '..'")
            names.add(name)
            clips.append(
                object_clip(self.data_root, self.subset, name, row[-1],
                            category, self.audio))
        return clips
