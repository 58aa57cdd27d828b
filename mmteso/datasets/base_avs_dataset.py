# Copyright (c) mmteso contributors. All rights reserved.
"""What the readers of AVSBench's two layouts share."""
import os.path as osp
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple

import mmengine.fileio as fileio
from mmseg.datasets import BaseSegDataset
from mmseg.datasets.transforms import LoadAnnotations

from mmteso.choices import check_choices
from mmteso.io import read_image
from mmteso.logs import warn
from .avsbench_meta import (BINARY_CLASSES, BINARY_PALETTE, IGNORE_INDEX,
                            get_class_set)
from .clips import Clip
from .data_check import (DataReport, check_frames, describe_fault,
                         transforms_inside)
from .off_screen import off_screen_table
from .transforms import LoadAudioFeatures, LoadTextCues, frame_name

_SHOWN = 10


class BaseAVSDataset(BaseSegDataset):
    """Base of the audio-visual data sets: one frame is one sample.

    Subclasses implement :meth:`list_clips`. What all frames have in common
    (class names, palette, ...) is kept once and joins a sample in
    :meth:`get_data_info`, so that a serialised frame stays below a kilobyte.

    Args:
        task (str): 'binary' (2 classes: background, sounding) or 'semantic'
            (the class set).
        label_format (str): What masks hold: 'rgb' (the palette's colours),
            'index', or 'binary' (0 and 255, which tell no classes).
        with_masks (bool): Whether every frame must have a mask. With False,
            for sets without ground truth and for features of all frames, it
            also gives the frames that have none (``seg_map_path=None``).
            Needs ``check_files=True``. Defaults to True.
        check_files (bool): Whether to look for every needed file when the
            data set is built (names only, one directory scan per folder).
            Defaults to True.
        missing (str): With 'error' missing files raise one error that counts
            them and names the first ten (files that are there but broken:
            :class:`DataCheckHook`). With 'skip' the frames that need them are
            left out, and so are those that the loaders of the pipeline
            refuse, for which every frame is read once
            (:mod:`mmteso.datasets.data_check`); what is left out is logged
            and kept in ``skipped``. Defaults to 'error'.
        metainfo (dict, optional): The class set, in both tasks:
            ``classes`` and ``palette`` of :func:`get_class_set`. Also
            ``sound_alikes``, lists of classes that nobody can tell apart by
            their sound, which is thus not foreign to each other. Further keys
            are kept. Defaults to None: AVSBench's 71 classes in the VOC
            palette. The attribute ``metainfo`` holds the task's ``classes``
            and ``palette``, as everywhere in mmseg, and the class set as
            ``class_names``.
        cue_file (str, optional): The text cues of all frames, which
            :class:`LoadTextCues` reads; relative to ``data_root`` or absolute.
            Defaults to None.
        cue_bank (str, optional): Their features, likewise. Defaults to None:
            words alone.
        off_screen (dict, optional): Gives each sample ``off_screen``, other
            clips whose sound is foreign to it, for
            :class:`ReplaceAudioWithOffScreen` and :class:`SoundNegatives`.
            The arguments ``seed``, ``groups``, ``synonyms`` and
            ``num_donors`` of :func:`off_screen_table`, which also reads
            ``cue_file``; an empty dict takes their defaults.
            Clips are paired before ``indices`` take a part of the frames.
            Defaults to None: no such key.
        reduce_zero_label (bool): As in mmseg: background becomes 255, which
            is ignored in training and scoring, and is none of the
            ``classes``; the others move down by one. There is then no
            sounding score, J or F. Only in the semantic task. Defaults to
            False.
        **kwargs: Other arguments of :class:`mmseg.datasets.BaseSegDataset`.

    Attributes:
        missing_files (list[tuple[str, str, str]]): All that was found
            missing: the clip, '{subset}/{uid}', the path, and what is expected
            there.
        skipped (list[tuple[str, int]]): (uid, frame) of the frames left out.
        replace_unreadable (bool): Whether another frame takes the place of
            one that can't be loaded, in training (:class:`DataCheckHook`);
            the sample then has in ``replaced`` why. Defaults to False.
    """

    replace_unreadable = False

    def __init__(self,
                 task: str,
                 label_format: str,
                 with_masks: bool = True,
                 check_files: bool = True,
                 missing: str = 'error',
                 metainfo: Optional[dict] = None,
                 cue_file: Optional[str] = None,
                 cue_bank: Optional[str] = None,
                 off_screen: Optional[dict] = None,
                 reduce_zero_label: bool = False,
                 **kwargs) -> None:
        check_choices(
            task=(task, ('binary', 'semantic')),
            missing=(missing, ('error', 'skip')))
        if not check_files and (missing == 'skip' or not with_masks):
            raise ValueError("missing='skip' and with_masks=False have to "
                             'know which files there are: check_files=True')
        if reduce_zero_label and task == 'binary':
            raise ValueError("reduce_zero_label=True goes with task='semantic'"
                             ": in the binary task 'sounding' would be alone")
        root = kwargs.get('data_root') or ''
        names, palette = None, BINARY_PALETTE
        if label_format != 'binary':
            names, palette = get_class_set(metainfo, root,
                                           kwargs.get('backend_args'))
        classes, label_map = (BINARY_CLASSES, BINARY_PALETTE), None
        if task == 'semantic':
            first = int(reduce_zero_label)
            classes = names[first:], palette[first:]
        else:  # tells mmseg's LoadAnnotations; 255 of masks that are 0 and 255
            label_map = dict.fromkeys(
                range(1, len(names)) if names else [IGNORE_INDEX], 1)
        self.with_masks = with_masks
        self.check_files = check_files
        self.missing = missing
        self.missing_files: List[Tuple[str, str, str]] = []
        self.skipped: List[Tuple[str, int]] = []
        self.cue_file = cue_file and osp.join(root, cue_file)
        self.cue_bank = cue_bank and osp.join(root, cue_bank)
        self.shared_info = dict(
            task=task,
            label_format=label_format,
            class_names=names,
            palette=palette,
            cue_file=self.cue_file,
            cue_bank=self.cue_bank,
            data_root=root,
            label_map=label_map,
            reduce_zero_label=reduce_zero_label)
        self.off_screen = off_screen
        self._donors: Dict[str, List[dict]] = {}
        # Both prefixes stay the data root: the layout says the rest.
        super().__init__(
            metainfo=dict(
                metainfo or {},
                classes=classes[0],
                palette=classes[1],
                class_names=names),
            data_prefix=dict(img_path='', seg_map_path=''),
            reduce_zero_label=reduce_zero_label,
            **kwargs)
        self._check_loaders()

    def _check_loaders(self) -> None:
        """Open the files of all frames; mmseg's own loader of masks reads
        indices only."""
        for transform in transforms_inside(self.pipeline):
            if isinstance(transform, LoadAudioFeatures):
                transform.open(self.data_root)
            elif isinstance(transform, LoadTextCues):
                if self.cue_file is None:
                    raise ValueError(
                        f'{self.describe()} has no cue_file, which '
                        'LoadTextCues reads: say where it is, relative to '
                        'data_root, and its cue_bank')
                transform.open(self.cue_file, self.cue_bank)
            elif (isinstance(transform, LoadAnnotations)
                  and self.shared_info['label_format'] == 'rgb'):
                raise ValueError(
                    "mmseg's LoadAnnotations reads class indices, but these "
                    "masks are colours. Set mask_source='labels_semantic', or "
                    'use LoadAVSAnnotations')

    @property
    def class_names(self) -> Optional[Tuple[str, ...]]:
        """tuple[str] | None: The class set, background first, also in the
        binary task; None if the data know no classes."""
        return self.shared_info['class_names']

    def list_clips(self) -> Iterable[Clip]:
        """The clips of the split, in the order of the metadata."""
        raise NotImplementedError

    def load_data_list(self) -> List[dict]:
        """List the frames and settle what happens with what is missing.

        Raises:
            FileNotFoundError: If ``data_root`` is missing; or files of clips,
                with ``missing='error'`` or if no frame is left.
            ValueError: If no frame can be loaded, with ``missing='skip'``. If
                a clip has no donor, with ``off_screen``.
        """
        frames = self._list_frames()
        if self.missing_files:
            self._report_missing(len(frames))
        if self.missing == 'skip':
            frames = self._without_broken(frames)
        if self.off_screen is not None:
            self._donors = off_screen_table(
                frames,
                self.class_names,
                cue_file=self.cue_file,
                sound_alikes=self._metainfo.get('sound_alikes', ()),
                **self.off_screen)
        return frames

    def _list_frames(self) -> List[dict]:
        """The frames whose files are there; the others are noted."""
        self.missing_files, self.skipped = [], []
        if not fileio.isdir(self.data_root, backend_args=self.backend_args):
            raise FileNotFoundError(
                f'data_root {self.data_root!r} is no folder; expected the one '
                f'that holds {osp.relpath(self.ann_file, self.data_root)}')
        frames: List[dict] = []
        for clip in self.list_clips():
            found, missing, skipped = clip.list_frames(
                self.img_suffix, self.seg_map_suffix, self.with_masks,
                self.check_files, self.backend_args)
            frames += found
            self.missing_files += [(clip.name, *file) for file in missing]
            self.skipped += [(clip.uid, frame) for frame in skipped]
        return frames

    def inspect(
            self,
            num_workers: Optional[int] = None
    ) -> Tuple[List[dict], DataReport]:
        """Find out all that is wrong with the files, whatever ``missing``
        says; for a data set that was made with ``lazy_init=True``.

        Gives the frames whose files are there, and what the pipeline's loaders
        refuse of them; ``missing_files`` then names what isn't there.
        """
        frames = self._list_frames()
        return frames, self._check(frames, num_workers)

    def _check(self,
               frames: List[dict],
               num_workers: Optional[int] = None) -> DataReport:
        return check_frames(self, len(frames),
                            lambda idx: self._complete(frames[idx]),
                            num_workers)

    def _report_missing(self, num_left: int) -> None:
        missing = self.missing_files
        shown = '\n  '.join([
            f'The first {min(len(missing), _SHOWN)}:',
            *(f'{clip}: {path} (expected {expected})'
              for clip, path, expected in missing[:_SHOWN])
        ])
        what = (f'{self.describe()}: {len(missing)} missing files or folders '
                f'in {len({clip for clip, _, _ in missing})} videos')
        if self.missing == 'error' or not num_left:
            raise FileNotFoundError(
                f"{what}. Complete the data, or pass missing='skip' to leave "
                f'out the frames that need them ({num_left} stay). {shown}')
        self._report_skipped(len(self.skipped), num_left, f'{what}. {shown}')

    def _report_skipped(self, num_skipped: int, num_left: int,
                        reasons: str) -> None:
        if not num_left:
            raise ValueError(f'No frame is left. {reasons}')
        warn(f"missing='skip' leaves out {num_skipped} frames and keeps "
             f'{num_left}. {reasons}')

    def describe(self) -> str:
        """The data set in a message."""
        return (f'{type(self).__name__} below {self.data_root!r}, split '
                f'{self.split!r}')

    def _without_broken(self, frames: List[dict]) -> List[dict]:
        report = self._check(frames)
        if not report.faults:
            return frames
        kept = [x for i, x in enumerate(frames) if i not in report.faults]
        self.skipped += [(frames[i]['uid'], frames[i]['frame'])
                         for i in sorted(report.faults)]
        self._report_skipped(
            len(report.faults), len(kept), f'{report.summary()}. The reasons:'
            f'\n{report.describe_faults()}')
        return kept

    def check_frames(self, num_workers: Optional[int] = None) -> DataReport:
        """Run the loaders of the pipeline on every frame, to see what can't be
        loaded (:mod:`mmteso.datasets.data_check`)."""
        return check_frames(self, len(self), self.get_data_info, num_workers)

    def get_data_info(self, idx: int) -> dict:
        """A frame as it enters the pipeline, with what all have in common."""
        data_info = self._complete(super().get_data_info(idx))
        if self.off_screen is not None:
            data_info['off_screen'] = self._donors[data_info['uid']]
        return data_info

    def _complete(self, frame: dict) -> dict:
        return dict(frame, **self.shared_info, seg_fields=[])

    def get_cat_ids(self, idx: int) -> List[int]:
        """Classes that sound in a frame's clip, for ``ClassBalancedDataset``.

        They come from the metadata (``a_obj``), no mask is read: a class
        counts in all frames of a clip. They are indices in the class set, also
        in the binary task and with ``reduce_zero_label``. A ValueError if the
        data set knows no classes.
        """
        sounding = self.get_data_info(idx)['a_obj']
        names = self.class_names
        if names is None:
            raise ValueError(
                'ClassBalancedDataset needs to know what sounds in each clip, '
                f'but this {type(self).__name__} has no classes. MS3 of the '
                'AVSBench-object release has none: use v1m of the '
                'AVSBench-semantic release, the same videos')
        return [names.index(name) for name in sounding]

    def prepare_data(self, idx: int) -> Any:
        """Run the pipeline on a frame; None if another one is to be taken."""
        try:
            return self.run_transforms(self.get_data_info(idx), self.pipeline)
        except Exception as error:
            # if all are refused it's no matter of files
            if not self.replace_unreadable or len(self._replaced) >= _SHOWN:
                raise
            self._replaced.append(
                describe_fault(self.get_data_info(idx), error))
            return None

    def __getitem__(self, idx: int) -> Any:
        """The sample of a frame, or of another in its place."""
        self._replaced: List[str] = []
        data = super().__getitem__(idx)
        if self._replaced:
            data['data_samples'].set_metainfo(dict(replaced=self._replaced))
        return data

    def run_transforms(self, sample: dict, transforms: Callable) -> Any:
        """Run transforms on a sample; say which image is to blame.

        mmcv's loader names neither the video nor, for a broken file, the path.
        """
        try:
            return transforms(sample)
        except Exception as error:
            try:
                read_image(sample['img_path'], self.backend_args)
            except (OSError, ValueError) as cause:
                raise type(cause)(
                    f'{frame_name(sample)}: {cause} Or leave such frames out: '
                    "missing='skip'") from error
            raise  # something else went wrong
