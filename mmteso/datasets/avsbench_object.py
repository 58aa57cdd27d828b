# Copyright (c) mmteso contributors. All rights reserved.
"""The older AVSBench-object release: S4 (single source), MS3 (multiple)."""
import csv
import io
import os.path as osp
from typing import Dict, List, NamedTuple, Optional, Tuple

import mmengine.fileio as fileio
from mmseg.registry import DATASETS

from .avsbench_meta import SPLITS
from .base_avs_dataset import BaseAVSDataset

_FRAMES = 5


class _Layout(NamedTuple):
    """Where a subset keeps its files, and the columns of its CSV file."""
    home: str
    num_columns: int
    category_column: Optional[int]
    split_column: int
    image_stem: str


_LAYOUTS: Dict[str, _Layout] = dict(
    s4=_Layout('Single-source', 4, 2, 3, '{name}_{number}'),
    ms3=_Layout('Multi-sources', 2, None, 1, '{name}.mp4_{number}'))

_AUDIO = dict(
    wav=('audio_path', 'audio_wav', '.wav'),
    log_mel=('log_mel_path', 'audio_log_mel', '.pkl'))


class _Clip(NamedTuple):
    name: str
    category: Optional[str]
    split: str


@DATASETS.register_module()
class AVSBenchObjectDataset(BaseAVSDataset):
    """S4 and MS3 in the layout of the AVSBench-object release.

    One frame (with its second of sound) is one sample; the task is binary.

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
    MS3, which has no classes (``class_names`` is None).

    Args:
        data_root (str): Folder of 'Single-source' and 'Multi-sources'.
        subset (str): 's4' or 'ms3'. Defaults to 's4'.
        split (str): 'train', 'val' or 'test'. Defaults to 'train'.
        audio (str): 'wav', or 'log_mel' for the precomputed pickles.
            Defaults to 'wav'.
        check_files (bool): See :class:`BaseAVSDataset`. Defaults to True.
        missing (str): 'error' or 'skip'. See :class:`BaseAVSDataset`.
            Defaults to 'error'.
        ann_file (str, optional): The CSV file, relative to ``data_root``.
            Defaults to None: the one shown above.
        **kwargs: ``pipeline``, ``test_mode``, ``indices``, ... of
            :class:`mmseg.datasets.BaseSegDataset`.

    Raises:
        FileNotFoundError: The root, the CSV file, or files of clips are
            missing.
        ValueError: An argument or the CSV file is wrong.
    """

    def __init__(self,
                 data_root: str,
                 subset: str = 's4',
                 split: str = 'train',
                 audio: str = 'wav',
                 check_files: bool = True,
                 missing: str = 'error',
                 ann_file: Optional[str] = None,
                 **kwargs) -> None:
        for name, value, known in (('subset', subset, _LAYOUTS),
                                   ('split', split, SPLITS), ('audio', audio,
                                                              _AUDIO)):
            if value not in known:
                raise ValueError(f'{name} must be one of {list(known)}, but '
                                 f'got {value!r}')
        self.subset = subset
        self.split = split
        self.audio = audio
        self._layout = _LAYOUTS[subset]
        if ann_file is None:
            ann_file = f'{self._layout.home}/{subset}_meta_data.csv'
        kwargs.setdefault('img_suffix', '.png')
        super().__init__(
            task='binary',
            label_format='binary',
            check_files=check_files,
            missing=missing,
            data_root=data_root,
            ann_file=ann_file,
            **kwargs)

    def collect_frames(self) -> List[dict]:
        """List the frames of the split.

        Returns:
            list[dict]: One dict per frame, without the shared keys.
        """
        if not fileio.isdir(self.data_root, backend_args=self.backend_args):
            raise FileNotFoundError(
                f'data_root {self.data_root!r} is no folder; expected the '
                f'one that holds {self._layout.home}')
        clips = self._read_clips()
        categories = sorted({clip.category for clip in clips} - {None})
        if categories:
            # the CSV names them; the masks don't tell them apart
            names = ('background', *categories)
            self.shared_info['class_names'] = names
            self._metainfo['class_names'] = names
        frames: List[dict] = []
        for clip in clips:
            if clip.split == self.split:
                frames.extend(self._clip_frames(clip))
        if not frames and not self.missing_files:
            raise ValueError(f'{self.ann_file} has no clip of split '
                             f'{self.split!r} ({len(clips)} clips in all)')
        return frames

    def _read_clips(self) -> List[_Clip]:
        """Read and check the CSV file."""
        layout, path = self._layout, self.ann_file
        try:
            text = fileio.get_text(path, backend_args=self.backend_args)
        except FileNotFoundError as err:
            raise FileNotFoundError(
                f'no metadata file {path}; expected the CSV file of the '
                f'AVSBench-object subset {self.subset!r} there '
                '(data_root/ann_file)') from err
        clips: List[_Clip] = []
        lines: Dict[str, int] = {}
        reader = csv.reader(io.StringIO(text.lstrip('\ufeff'), newline=''))
        first = True
        for raw in reader:
            row = [cell.strip() for cell in raw]
            if not any(row):
                continue
            where = f'{path}, line {reader.line_num}'
            if len(row) != layout.num_columns:
                raise ValueError(f'{where}: {len(row)} columns, expected '
                                 f'{layout.num_columns}')
            name, split = row[0], row[layout.split_column]
            header = first and split.lower() == 'split'
            first = False
            if header:
                continue
            if split not in SPLITS:
                raise ValueError(f'{where}: column {layout.split_column} is '
                                 f'{split!r}, expected the split, one of '
                                 f'{list(SPLITS)}')
            if not name or name in lines:
                raise ValueError(
                    f'{where}: ' +
                    (f'name {name!r} already stands in line {lines[name]}; '
                     'a name names one clip' if name else 'the name is empty'))
            lines[name] = reader.line_num
            category = None
            if layout.category_column is not None:
                category = row[layout.category_column]
                if not category:
                    raise ValueError(f'{where}: the category is empty')
            clips.append(_Clip(name, category, split))
        return clips

    def _folders(self, clip: _Clip) -> Tuple[str, str, str]:
        """Folders of a clip's images and masks, and its sound file."""
        data = f'{self.data_root}/{self._layout.home}/{self.subset}_data'
        _, audio, suffix = _AUDIO[self.audio]
        below = clip.split
        images = f'{data}/visual_frames/{clip.name}'
        if clip.category is not None:
            below = f'{clip.split}/{clip.category}'
            images = f'{data}/visual_frames/{below}/{clip.name}'
        return (images, f'{data}/gt_masks/{below}/{clip.name}',
                f'{data}/{audio}/{below}/{clip.name}{suffix}')

    def _clip_frames(self, clip: _Clip) -> List[dict]:
        """Frames of a clip, less those whose files are missing."""
        images, masks, sound = self._folders(clip)
        video = f'{self.subset}/{clip.name}'
        wanted = range(1 if (self.subset, clip.split) ==
                       ('s4', 'train') else _FRAMES)
        if self.check_files:
            image_names = self.list_names(images)
            mask_names = self.list_names(masks)
            lacking = [(path, expected) for path, absent, expected in (
                (images, image_names is None,
                 f'expected the {_FRAMES} frames of the clip'),
                (masks, mask_names is None,
                 f'expected the masks of {len(wanted)} frames'),
                (sound,
                 not fileio.isfile(sound, backend_args=self.backend_args),
                 'expected the sound of the clip')) if absent]
            for path, expected in lacking:
                self.note_missing(video, path, expected)
            if lacking:
                self.note_skipped(clip.name, wanted)
                return []

        frames = []
        for frame in wanted:
            image = self._layout.image_stem.format(
                name=clip.name, number=frame + 1) + self.img_suffix
            mask = f'{clip.name}_{frame + 1}{self.seg_map_suffix}'
            if self.check_files:
                lacking = [(path, expected) for path, absent, expected in (
                    (osp.join(images, image), image not in image_names,
                     f'expected {_FRAMES} frames'),
                    (osp.join(masks, mask), mask not in mask_names,
                     'expected the mask of the frame')) if absent]
                for path, expected in lacking:
                    self.note_missing(video, path, expected)
                if lacking:
                    self.note_skipped(clip.name, [frame])
                    continue
            frames.append({
                'img_path': f'{images}/{image}',
                'seg_map_path': f'{masks}/{mask}',
                'visible_map_path': None,
                _AUDIO[self.audio][0]: sound,
                'uid': clip.name,
                'frame': frame,
                'num_frames': _FRAMES,
                'subset': self.subset,
                'split': clip.split,
                'a_obj': (clip.category, ) if clip.category else ()
            })
        return frames
