# Copyright (c) mmteso contributors. All rights reserved.
"""Everything that is to be known of a folder of data before it is used."""
import dataclasses
import os
import os.path as osp
import statistics
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List, Optional, Set, Tuple

from tqdm import tqdm

from mmteso.optional import require
from mmteso.tables import format_number, format_table
from ..avsbench_meta import PUBLISHED_CLIPS, SPLITS
from ..data_check import default_workers
from .layout import DataFolder

_SHOWN = 10
# A sound this much shorter than its frames is listed; encoders cut and pad.
_TOLERANCE = 0.1
_PUBLISHED = dict(PUBLISHED_CLIPS, s4=PUBLISHED_CLIPS['v1s'],
                  ms3=PUBLISHED_CLIPS['v1m'])


@dataclasses.dataclass
class FolderReport:
    """What was found in a folder.

    Attributes:
        root (str): The folder.
        layout (str): 'semantic' or 'object'.
        counts (list[dict]): For each subset and split ``subset``, ``split``,
            ``clips``, and ``published``, how many AVSBench has (None: not
            known).
        num_frames (int): Frames whose files were read, now or earlier.
        absent (list[str]): Subsets without a folder.
        missing (list[tuple[str, str, str]]): Clip, path and what is expected
            there.
        faults (list[str]): Why frames can't be loaded, each reason once.
        unknown (dict[str, tuple[int, float]]): Pixels of unknown colour or
            index, by mask: number and share.
        sounds (dict[str, dict]): By subset ``files``, ``shortest``,
            ``median`` and ``longest`` in seconds, and ``rates``, how many
            files have each number of samples a second.
        short (dict[str, tuple[float, float]]): Sounds that end early, by
            path: seconds, and seconds of their frames. Loaders take them.
        stray (list[str]): Files and folders (with '/') that nothing reads.
        partial (bool): Whether fewer clips than published are fine.
    """
    root: str
    layout: str
    counts: List[dict] = dataclasses.field(default_factory=list)
    num_frames: int = 0
    absent: List[str] = dataclasses.field(default_factory=list)
    missing: List[Tuple[str, str, str]] = dataclasses.field(
        default_factory=list)
    faults: List[str] = dataclasses.field(default_factory=list)
    unknown: Dict[str, Tuple[int, float]] = dataclasses.field(
        default_factory=dict)
    sounds: Dict[str, dict] = dataclasses.field(default_factory=dict)
    short: Dict[str, Tuple[float, float]] = dataclasses.field(
        default_factory=dict)
    stray: List[str] = dataclasses.field(default_factory=list)
    partial: bool = False

    @property
    def other_counts(self) -> List[dict]:
        """The counts that are not those published."""
        return [
            row for row in self.counts
            if row['published'] not in (None, row['clips'])
        ]

    @property
    def is_good(self) -> bool:
        """Whether every file is there and can be loaded, and the clips are
        as many as published (unless ``partial``)."""
        counts = [] if self.partial else self.other_counts
        return not (self.absent or self.missing or self.faults or counts)

    def to_dict(self) -> Dict[str, Any]:
        """As JSON holds it."""
        return dict(is_good=self.is_good, **dataclasses.asdict(self))

    def __str__(self) -> str:
        """For a reader."""
        parts = [f'{self.root}, layout {self.layout}: {self.num_frames} '
                 'frames read', self._counts()]
        parts += [
            f'{name}: the metadata name it, but there is no such folder'
            for name in self.absent
        ]
        parts += _listed('missing files or folders', [
            f'{clip}: {path} (expected {expected})'
            for clip, path, expected in self.missing
        ])
        parts += _listed('reasons why frames can\'t be loaded', self.faults)
        parts += _listed('masks with pixels of unknown colour', [
            f'{name}: {count} pixels, {share:.2%}'
            for name, (count, share) in sorted(
                self.unknown.items(), key=lambda item: -item[1][1])
        ])
        if self.sounds:
            parts.append(self._sounds())
        parts += _listed('sounds that end before their frames do', [
            f'{path}: {found:.2f} s of {wanted:g} s'
            for path, (found, wanted) in self.short.items()
        ])
        parts += _listed('files or folders that nothing reads', self.stray)
        parts.append('good' if self.is_good else 'NOT good')
        return '\n\n'.join(parts)

    def _counts(self) -> str:
        rows = [{
            'subset': row['subset'],
            'split': row['split'],
            'clips': row['clips'],
            'published': row['published'] or '-',
            '': 'differs' if row in self.other_counts else ''
        } for row in self.counts]
        return format_table(rows, left=2)

    def _sounds(self) -> str:
        return format_table([{
            'sounds': subset,
            'files': found['files'],
            **{f'{name}, s': format_number(found[name])
               for name in ('shortest', 'median', 'longest')},
            'samples a second (files)': ', '.join(
                f'{rate} ({count})' for rate, count in found['rates'].items())
        } for subset, found in self.sounds.items()])


def _listed(what: str, lines: List[str]) -> List[str]:
    """A paragraph; none if there is nothing to list."""
    more = [f'... and {len(lines) - _SHOWN} more, see the JSON'
            ] if len(lines) > _SHOWN else []
    return [
        '\n  '.join([f'{len(lines)} {what}:', *lines[:_SHOWN], *more])
    ] if lines else []


def check_folder(folder: DataFolder,
                 num_workers: Optional[int] = None,
                 partial: bool = False) -> FolderReport:
    """Read every file of a folder once, with the loaders of the data sets.

    Frames found whole are remembered, as :mod:`mmteso.datasets.data_check`
    does it: a second check reads what is new, changed or broken.

    Args:
        folder (DataFolder): The folder.
        num_workers (int, optional): Number of threads. Defaults to None: as
            many as the machine has cores, at most 8.
        partial (bool): Whether fewer clips than published are fine. Defaults
            to False.

    Returns:
        FolderReport: What was found.
    """
    report = FolderReport(
        folder.root, folder.layout, _counts(folder), partial=partial)
    missing: Dict[Tuple[str, str], str] = {}
    faults: Dict[str, None] = {}  # in order, each once
    for subset in folder.subsets:
        if not osp.isdir(folder.home(subset)):
            report.absent.append(subset)
            continue
        seconds: Dict[str, float] = {}
        for place, dataset in enumerate(folder.datasets(subset)):
            frames, found = dataset.inspect(num_workers)
            missing.update({(clip, path): expected
                            for clip, path, expected in dataset.missing_files})
            faults.update(dict.fromkeys(found.faults.values()))
            masks = getattr(dataset, 'mask_source', 'mask')
            report.unknown.update((f'{name}, {masks}', value)
                                  for name, value in found.unknown.items())
            if place == 0:
                report.num_frames += len(frames)
                seconds = {
                    frame['audio_path']: frame['num_frames'] / folder.fps
                    for frame in frames if 'audio_path' in frame
                }
        _measure_sounds(report, subset, seconds, num_workers)
    report.missing = [(*key, expected) for key, expected in missing.items()]
    report.faults = list(faults)
    report.stray = _stray(folder)
    return report


def _counts(folder: DataFolder) -> List[dict]:
    found: Dict[Tuple[str, str], int] = {}
    for subset in folder.subsets:
        if folder.is_avsbench and subset in _PUBLISHED:
            found.update({(subset, split): 0 for split in SPLITS})
    for clip in folder.clips:
        if clip.subset in folder.subsets:
            key = clip.subset, clip.split
            found[key] = found.get(key, 0) + 1
    return [
        dict(
            subset=subset,
            split=split,
            clips=count,
            published=_PUBLISHED.get(subset, {}).get(split)
            if folder.is_avsbench else None)
        for (subset, split), count in found.items()
    ]


def _measure_sounds(report: FolderReport, subset: str,
                    wanted: Dict[str, float],
                    num_workers: Optional[int]) -> None:
    """Lengths and rates by the files' headers; broken ones are faults
    already."""
    soundfile = require('soundfile', 'audio')

    def measure(path):
        try:
            return soundfile.info(path)
        except soundfile.SoundFileError:
            return None

    with ThreadPoolExecutor(num_workers or default_workers()) as pool:
        infos = list(
            tqdm(
                pool.map(measure, wanted),
                f'lengths of the sounds of {subset}',
                len(wanted),
                unit='file',
                disable=None))
    known = {
        path: info
        for path, info in zip(wanted, infos) if info is not None
    }
    if not known:
        return
    lengths = [info.frames / info.samplerate for info in known.values()]
    rates = sorted(info.samplerate for info in known.values())
    report.sounds[subset] = dict(
        files=len(known),
        shortest=min(lengths),
        median=statistics.median(lengths),
        longest=max(lengths),
        rates={rate: rates.count(rate) for rate in dict.fromkeys(rates)})
    report.short.update(
        (osp.relpath(path, report.root), (length, wanted[path]))
        for path, length in zip(known, lengths)
        if length < wanted[path] - _TOLERANCE)


def _stray(folder: DataFolder) -> List[str]:
    """What lies among the clips and isn't a file of one."""
    files: Set[str] = set()
    leaves: Set[str] = set()
    for clip in folder.clips:
        files |= folder.files_of(clip)
        leaves.update(folder.picture_folders(clip))
    leaves.update(map(osp.dirname, files))
    folders: Set[str] = set()
    for path in leaves:
        while path not in folders and len(path) > len(folder.root):
            folders.add(path)
            path = osp.dirname(path)
    found = []
    for subset in folder.subsets:
        for path, below, names in os.walk(folder.home(subset)):
            found += [
                f'{path}/{name}' for name in names
                if f'{path}/{name}' not in files
            ]
            found += [
                f'{path}/{name}/' for name in below
                if f'{path}/{name}' not in folders
            ]
            below[:] = [
                name for name in below if f'{path}/{name}' in folders
            ]
    return sorted(osp.relpath(path, folder.root) + '/' * path.endswith('/')
                  for path in found)
