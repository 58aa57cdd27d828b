# Copyright (c) mmteso contributors. All rights reserved.
"""Everything that is to be known of a folder of data before it is used."""
import dataclasses
import os
import os.path as osp
import statistics
from collections import Counter
from typing import Any, Collection, Dict, List, Optional, Set, Tuple

from mmteso.tables import format_number, format_table
from ..avsbench_meta import PUBLISHED_CLIPS, SPLITS
from ..data_check import map_in_threads
from .files import sound_info
from .layout import DataFolder

_SHOWN = 10
# A sound this much shorter than its frames is listed; encoders cut and pad.
_TOLERANCE = 0.1
_PUBLISHED = dict(PUBLISHED_CLIPS, s4=PUBLISHED_CLIPS['v1s'],
                  ms3=PUBLISHED_CLIPS['v1m'])


@dataclasses.dataclass
class FolderReport:
    """What was found in a folder."""
    root: str
    layout: str  #: 'semantic' or 'object'.
    #: For each subset and split ``subset``, ``split``, ``clips``, and
    #: ``published``, how many AVSBench has (None: not known).
    counts: List[dict]
    num_frames: int  #: Frames whose files were read, now or earlier.
    absent: List[str]  #: Subsets without a folder.
    missing: List[Tuple[str, str, str]]  #: Clip, path, what is expected there.
    faults: List[str]  #: Why frames can't be loaded, each reason once.
    #: Pixels of unknown colour or index, by mask: number and share.
    unknown: Dict[str, Tuple[int, float]]
    #: By subset ``files``, ``shortest``, ``median`` and ``longest`` in
    #: seconds, and ``rates``, files by their number of samples a second.
    sounds: Dict[str, dict]
    #: Sounds that end early, by path: seconds, and seconds of their frames.
    #: Loaders take them.
    short: Dict[str, Tuple[float, float]]
    stray: List[str]  #: Files and folders (with '/') that nothing reads.
    partial: bool  #: Whether fewer clips than published are fine.

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
    does it. ``num_workers`` threads read, by default as many as the machine
    has cores, at most 8; with ``partial`` fewer clips than published are fine.
    """
    num_frames, absent = 0, []
    missing: Dict[Tuple[str, str], str] = {}
    faults: Dict[str, None] = {}  # in order, each once
    unknown: Dict[str, Tuple[int, float]] = {}
    sounds: Dict[str, dict] = {}
    short: Dict[str, Tuple[float, float]] = {}
    for subset in folder.subsets:
        if not osp.isdir(folder.home(subset)):
            absent.append(subset)
            continue
        for place, dataset in enumerate(folder.datasets(subset)):
            frames, found = dataset.inspect(num_workers)
            missing.update({(clip, path): expected
                            for clip, path, expected in dataset.missing_files})
            faults.update(dict.fromkeys(found.faults.values()))
            masks = getattr(dataset, 'mask_source', 'mask')
            unknown.update((f'{name}, {masks}', value)
                           for name, value in found.unknown.items())
            if place == 0:
                num_frames += len(frames)
                wanted = {
                    frame['audio_path']: frame['num_frames'] / folder.fps
                    for frame in frames if 'audio_path' in frame
                }
        lengths, facts = _measure_sounds(subset, wanted, num_workers)
        if facts:
            sounds[subset] = facts
        short.update((osp.relpath(path, folder.root), (length, wanted[path]))
                     for path, length in lengths.items()
                     if length < wanted[path] - _TOLERANCE)
    return FolderReport(
        folder.root, folder.layout, _counts(folder), num_frames, absent,
        [(*key, expected) for key, expected in missing.items()], list(faults),
        unknown, sounds, short, _stray(folder), partial)


def _counts(folder: DataFolder) -> List[dict]:
    found: Dict[Tuple[str, str], int] = Counter()
    for subset in folder.subsets:
        if folder.is_avsbench and subset in _PUBLISHED:
            found.update({(subset, split): 0 for split in SPLITS})
    found.update((clip.subset, clip.split) for clip in folder.clips
                 if clip.subset in folder.subsets)
    return [
        dict(
            subset=subset,
            split=split,
            clips=count,
            published=_PUBLISHED.get(subset, {}).get(split)
            if folder.is_avsbench else None)
        for (subset, split), count in found.items()
    ]


def _measure_sounds(
        subset: str, paths: Collection[str], num_workers: Optional[int]
) -> Tuple[Dict[str, float], Optional[dict]]:
    """Lengths in seconds and rates by the files' headers; broken ones are
    faults already."""
    infos = map_in_threads(sound_info, list(paths),
                           f'lengths of the sounds of {subset}', 'file',
                           num_workers)
    known = {path: info for path, info in zip(paths, infos) if info}
    lengths = {path: info.frames / info.samplerate
               for path, info in known.items()}
    rates = Counter(info.samplerate for info in known.values())
    return lengths, dict(
        files=len(known),
        shortest=min(lengths.values()),
        median=statistics.median(lengths.values()),
        longest=max(lengths.values()),
        rates=dict(sorted(rates.items()))) if known else None


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
