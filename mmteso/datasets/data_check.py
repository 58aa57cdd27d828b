# Copyright (c) mmteso contributors. All rights reserved.
"""Reads every frame of a data set once, before something depends on it.

A file that a loader refuses ends a training when its turn comes, perhaps
hours later. So the loaders of the data set's own pipeline are run ahead, for
every frame; the check has no rules of its own.

Frames found whole are remembered by the size and time of their files, in
``.mmteso_check.json`` below the data's root (in the system's folder for
temporary files where that can't be written). Only new, changed and broken
files are read again.

Of several processes on a machine one reads while the others wait for its lock
and then find the frames remembered. A collective in place of the lock would
be killed by its timeout, 10 minutes with NCCL. Threads suffice, since the
decoders release the interpreter's lock.
"""
import dataclasses
import hashlib
import json
import logging
import os
import os.path as osp
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

from filelock import FileLock
from mmcv.transforms import Compose, LoadAnnotations, LoadImageFromFile
from mmengine.logging import print_log
from tqdm import tqdm

from mmteso.io import atomic_write
from mmteso.version import __version__
from .transforms import (LoadAudioClip, LoadAudioFeatures, LoadAVSAnnotations,
                         LoadLogMel, LoadTextCues)

_SHOWN = 10
# One clip's frames, since its sound is read once and kept (load_waveform), and
# no more threads than sounds that are kept.
_CHUNK = 10
_MAX_WORKERS = 8

# Loaders of files of a frame's own, with the keys that name the files.
_FILE_LOADERS = {
    LoadImageFromFile: ('img_path', ),
    LoadAnnotations: ('seg_map_path', ),
    LoadAVSAnnotations: ('seg_map_path', 'visible_map_path'),
    LoadAudioClip: ('audio_path', ),
    LoadLogMel: ('log_mel_path', )
}
# What a sample says about how its files are to be read.
_MEANING = ('task', 'label_format', 'class_names', 'palette')
# Those that look a frame up in a file of all frames, which takes no time.
_TABLE_LOADERS = (LoadAudioFeatures, LoadTextCues)


@dataclasses.dataclass
class DataReport:
    """What the files of a data set hold.

    Attributes:
        name (str): The data set.
        num_frames (int): Frames in it.
        num_read (int): Those whose files were read now; the others are known
            from before.
        faults (dict[int, str]): Position of each frame that can't be loaded,
            and why.
        unknown (dict[str, tuple[int, float]]): Pixels of unknown colour: by
            '{subset}/{uid}, frame {frame}' their number and share of the mask.
    """
    name: str
    num_frames: int
    num_read: int = 0
    faults: Dict[int, str] = dataclasses.field(default_factory=dict)
    unknown: Dict[str, Tuple[int, float]] = dataclasses.field(
        default_factory=dict)

    def summary(self) -> str:
        """What was found, in a line or two, without the faults themselves."""
        lines = [
            f'{self.name}: {self.num_frames} frames, {self.num_read} of them '
            f'read now; {len(self.faults)} can\'t be loaded'
        ]
        if self.unknown:
            pixels = sum(count for count, _ in self.unknown.values())
            worst = max(self.unknown, key=lambda name: self.unknown[name][1])
            lines.append(
                f'pixels of unknown colour: {pixels}, in {len(self.unknown)} '
                f'masks, at most {self.unknown[worst][1]:.2%} of one '
                f'({worst}); see unknown_color of LoadAVSAnnotations')
        return '\n'.join(lines)

    def describe_faults(self, limit: Optional[int] = _SHOWN) -> str:
        """Why frames can't be loaded: a line for each reason, which a clip's
        frames may share; ``limit`` of them (None: all)."""
        reasons = Counter(self.faults.values())
        lines = [
            f'  {reason}' + (f' ({count} frames)' if count > 1 else '')
            for reason, count in list(reasons.items())[:limit]
        ]
        if len(reasons) > len(lines):
            lines.append(f'  ... and {len(reasons) - len(lines)} more')
        return '\n'.join(lines)


def transforms_inside(transform: Any) -> Iterator[Any]:
    """A transform or pipeline, and those inside of it, as in TestTimeAug."""
    yield transform
    for name in ('transforms', 'subroutines'):
        inner = getattr(transform, name, None)
        if isinstance(inner, (list, tuple)):
            for item in inner:
                yield from transforms_inside(item)


def datasets_inside(dataset: Any) -> Iterator[Any]:
    """The data sets that a wrapper wraps, as ConcatDataset does, or itself."""
    inner = [dataset.dataset] if hasattr(dataset, 'dataset') else getattr(
        dataset, 'datasets', ())
    if not inner:
        yield dataset
    for wrapped in inner:
        yield from datasets_inside(wrapped)


def check_dataset(dataset: Any,
                  num_workers: Optional[int] = None) -> List[DataReport]:
    """Read every frame of a data set once, inside of wrappers too: a report
    for each :class:`BaseAVSDataset` in it; others are passed over."""
    return [
        inner.check_frames(num_workers=num_workers)
        for inner in datasets_inside(dataset) if hasattr(
            inner, 'check_frames')
    ]


class _Memory:
    """Frames found whole: what was noted of each, by stamp.

    The lock lies in the system's folder for temporary files, because network
    file systems need not know locks; each machine of several reads alone.
    """

    def __init__(self, data_root: str) -> None:
        owner = f'{osp.expanduser("~")}:{osp.realpath(data_root)}'
        owner = hashlib.sha1(owner.encode()).hexdigest()[:16]
        scratch = osp.join(tempfile.gettempdir(), f'mmteso_check_{owner}')
        self.lock = FileLock(f'{scratch}.lock')
        self._path = osp.join(data_root, '.mmteso_check.json')
        if not os.access(data_root, os.W_OK):
            self._path = f'{scratch}.json'

    def load(self) -> Dict[str, Any]:
        """All that was noted; nothing if the file is none of ours."""
        try:
            with open(self._path, encoding='utf-8') as file:
                known = json.load(file)
        except (FileNotFoundError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def save(self, known: Dict[str, Any]) -> None:
        try:
            with atomic_write(self._path) as partial, open(
                    partial, 'w', encoding='utf-8') as file:
                json.dump(known, file)
        except OSError as error:
            print_log(
                f'The frames found whole can\'t be remembered: {error}. They '
                'will be read again at the next start.',
                logger='current',
                level=logging.WARNING)


class _Reader:
    """Runs the loaders of a pipeline on single frames."""

    def __init__(self, pipeline: Any, samples: Callable[[int], dict],
                 run: Callable[[dict, Callable], Any]) -> None:
        # each once: TestTimeAug has one for each view
        steps = {repr(step): step for step in transforms_inside(pipeline)}
        files = {
            text: step
            for text, step in steps.items()
            if isinstance(step, tuple(_FILE_LOADERS))
        }
        self.files = Compose(list(files.values()))
        self.tables = [
            step for step in steps.values() if isinstance(step, _TABLE_LOADERS)
        ]
        self._keys = sorted({
            key
            for kind, keys in _FILE_LOADERS.items() for key in keys
            if any(isinstance(step, kind) for step in files.values())
        })
        self._settings = [__version__, *files]
        self._samples = samples
        self._run = run

    def stamp(self, index: int) -> Optional[str]:
        """What changes when the frame has to be read again."""
        sample = self._samples(index)
        paths = [sample.get(key) for key in self._keys]
        try:
            stats = [os.stat(path) for path in paths if path is not None]
        except OSError:
            return None
        facts = [
            self._settings, sample['subset'], sample['uid'], sample['frame'],
            *(sample[key] for key in _MEANING),
            *((stat.st_size, stat.st_mtime_ns) for stat in stats)
        ]
        return hashlib.sha1(repr(facts).encode()).hexdigest()

    def read(self, index: int) -> Any:
        """Why the frame can't be loaded; or number and share of its pixels of
        unknown colour, None if there are none."""
        try:
            sample = self._run(self._samples(index), self.files)
        except ImportError:
            raise
        except Exception as error:
            return _reason(self._samples(index), error)
        pixels = sample.get('unknown_pixels')
        return [pixels, pixels / sample['gt_seg_map'].size] if pixels else None

    def look_up(self, index: int) -> Optional[str]:
        """Why the frame lacks an entry in a file of all frames."""
        sample = self._samples(index)
        try:
            for table in self.tables:
                table.look_up(sample)
        except Exception as error:
            return _reason(sample, error)
        return None


def check_frames(name: str,
                 num_frames: int,
                 samples: Callable[[int], dict],
                 pipeline: Any,
                 run: Callable[[dict, Callable], Any],
                 data_root: str,
                 num_workers: Optional[int] = None) -> DataReport:
    """Run a pipeline's loaders on frames and keep what they refuse.

    Files that are not local (or mounted) have no size and time here and are
    read each time.

    Args:
        name (str): The data set, for messages.
        num_frames (int): How many frames there are.
        samples (Callable): Gives frame i's sample, a new one at each call.
        pipeline (Callable): Its loaders of images, masks, sounds, cues and
            features are run.
        run (Callable): Runs transforms on a sample and explains their errors.
        data_root (str): Where to remember the frames found whole.
        num_workers (int, optional): Number of threads. Defaults to None: as
            many as the machine has cores, at most 8.

    Raises:
        ImportError: If reading needs a package that isn't there.
    """
    report = DataReport(name, num_frames)
    reader = _Reader(pipeline, samples, run)
    notes: Dict[int, Any] = {}
    if reader.files.transforms:
        workers = num_workers or min(_MAX_WORKERS, os.cpu_count() or 1)
        with ThreadPoolExecutor(workers) as pool:
            notes = _read_files(report, reader, _Memory(data_root), pool)
    for index in range(num_frames):
        note = notes.get(index)
        if not isinstance(note, str) and reader.tables:
            note = reader.look_up(index) or note
        if isinstance(note, str):
            report.faults[index] = note
        elif note is not None:
            report.unknown[_where(samples(index))] = tuple(note)
    return report


def _read_files(report: DataReport, reader: _Reader, memory: _Memory,
                pool: ThreadPoolExecutor) -> Dict[int, Any]:
    """Read the frames that are not known; what was noted of each frame."""
    frames = range(report.num_frames)
    stamps = list(pool.map(reader.stamp, frames, chunksize=_CHUNK))
    known = memory.load()
    notes: Dict[int, Any] = {}
    if any(stamp not in known for stamp in stamps):
        with memory.lock:
            known = memory.load()  # another process may have read them
            todo = [i for i in frames if stamps[i] not in known]
            report.num_read = len(todo)
            chunks = [todo[i:i + _CHUNK] for i in range(0, len(todo), _CHUNK)]
            read = pool.map(lambda part: list(map(reader.read, part)), chunks)
            try:
                with tqdm(
                        total=len(todo),
                        desc=f'checking {report.name}',
                        unit='frame',
                        disable=None) as bar:
                    for chunk, found in zip(chunks, read):
                        notes.update(zip(chunk, found))
                        bar.update(len(chunk))
            finally:
                # also of a check that was interrupted
                known.update({
                    stamps[index]: note
                    for index, note in notes.items()
                    if stamps[index] is not None and not isinstance(note, str)
                })
                memory.save(known)
    return {
        index: notes[index] if index in notes else known[stamps[index]]
        for index in frames
    }


def _where(sample: dict) -> str:
    return f'{sample["subset"]}/{sample["uid"]}, frame {sample["frame"]}'


def _reason(sample: dict, error: Exception) -> str:
    """An error's message, with the frame if it doesn't name the clip."""
    text = str(error)
    if isinstance(error, KeyError):  # its str() is a repr
        text = str(error.args[0])
    elif not isinstance(error, (OSError, ValueError)):
        text = f'{type(error).__name__}: {text}'
    return text if sample['uid'] in text else f'{_where(sample)}: {text}'
