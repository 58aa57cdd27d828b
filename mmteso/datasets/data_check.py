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
import functools
import hashlib
import os
import os.path as osp
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import (Any, Callable, Dict, Iterator, List, Optional, Sequence,
                    Tuple)

from filelock import FileLock, Timeout
from mmcv.transforms import Compose, LoadAnnotations, LoadImageFromFile
from tqdm import tqdm

from mmteso.io import read_json, write_json
from mmteso.logs import warn
from mmteso.version import __version__
from .transforms import (LoadAudioClip, LoadAudioFeatures, LoadAVSAnnotations,
                         LoadLogMel, LoadTextCues, frame_name)

_SHOWN = 10
# One clip's frames, since its sound is read once and kept (load_waveform), and
# no more threads than sounds that are kept.
_CHUNK = 10
_MAX_WORKERS = 8
_PATIENCE = 10  # seconds of silence while another process checks

# Loaders of a frame's own files, and the keys that name these.
_FILE_LOADERS = (LoadImageFromFile, LoadAnnotations, LoadAVSAnnotations,
                 LoadAudioClip, LoadLogMel)
_PATHS = ('img_path', 'seg_map_path', 'visible_map_path', 'audio_path',
          'log_mel_path')
# Those that look a frame up in a file of all frames, which takes no time.
_TABLE_LOADERS = (LoadAudioFeatures, LoadTextCues)
# What a sample says about how its files are to be read.
_MEANING = ('task', 'label_format', 'class_names', 'palette')


@dataclasses.dataclass
class DataReport:
    """What the files of a data set hold."""
    name: str  #: The data set.
    num_frames: int
    num_read: int = 0  #: Read now; the others are known from before.
    #: Position of each frame that can't be loaded, and why.
    faults: Dict[int, str] = dataclasses.field(default_factory=dict)
    #: Pixels of unknown colour: by '{subset}/{uid}, frame {frame}' their
    #: number and share of the mask.
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
        lines = [
            f'  {reason}' + (f' ({count} frames)' if count > 1 else '')
            for reason, count in Counter(self.faults.values()).items()
        ]
        if limit is not None and len(lines) > limit:
            lines[limit:] = [f'  ... and {len(lines) - limit} more']
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
    return [inner.check_frames(num_workers)
            for inner in datasets_inside(dataset)
            if hasattr(inner, 'check_frames')]


class _Memory:
    """Frames found whole: what was noted of each, by stamp."""

    def __init__(self, data_root: str) -> None:
        owner = f'{osp.expanduser("~")}:{osp.realpath(data_root)}'
        owner = hashlib.sha1(owner.encode()).hexdigest()[:16]
        # network file systems need not know locks; each machine reads alone
        scratch = osp.join(tempfile.gettempdir(), f'mmteso_check_{owner}')
        self._lock = FileLock(f'{scratch}.lock')
        self._path = osp.join(data_root, '.mmteso_check.json')
        if not os.access(data_root, os.W_OK):
            self._path = f'{scratch}.json'

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Wait for other processes that read the same files."""
        try:
            self._lock.acquire(timeout=_PATIENCE)
        except Timeout:
            warn('Another process is checking the same files; waiting for it '
                 f'({self._lock.lock_file})')
            self._lock.acquire()
        try:
            yield
        finally:
            self._lock.release()

    def load(self) -> Dict[str, Any]:
        """All that was noted; nothing if the file is none of ours."""
        try:
            known = read_json(self._path)
        except (FileNotFoundError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def save(self, known: Dict[str, Any]) -> None:
        try:
            write_json(known, self._path)
        except OSError as error:
            warn(f'The frames found whole can\'t be remembered: {error}. They '
                 'will be read again at the next start.')


class _Reader:
    """Runs the loaders of a data set's pipeline on single frames."""

    def __init__(self, dataset: Any, samples: Callable[[int], dict]) -> None:
        # each once: TestTimeAug has one for each view
        steps = {repr(x): x for x in transforms_inside(dataset.pipeline)}
        self.files = {text: x for text, x in steps.items()
                      if isinstance(x, _FILE_LOADERS)}
        self._tables = [x for x in steps.values()
                        if isinstance(x, _TABLE_LOADERS)]
        self._load = Compose(list(self.files.values()))
        self._samples = samples
        self._run = dataset.run_transforms

    def stamp(self, index: int) -> Optional[str]:
        """What changes when the frame has to be read again; None if that
        can't be told, as of files that are not local."""
        sample = self._samples(index)
        paths = [sample[key] for key in _PATHS if sample.get(key)]
        try:
            stats = [os.stat(path) for path in paths]
        except OSError:
            return None
        facts = [[__version__, *self.files], sample['subset'], sample['uid'],
                 sample['frame'], *(sample[key] for key in _MEANING),
                 *((stat.st_size, stat.st_mtime_ns) for stat in stats)]
        return hashlib.sha1(repr(facts).encode()).hexdigest()

    def read(self, index: int) -> Any:
        """Why the frame can't be loaded; or number and share of its pixels of
        unknown colour, None if there are none."""
        try:
            sample = self._run(self._samples(index), self._load)
        except ImportError:
            raise
        except Exception as error:
            return describe_fault(self._samples(index), error)
        pixels = sample.get('unknown_pixels')
        return [pixels, pixels / sample['gt_seg_map'].size] if pixels else None

    def look_up(self, index: int) -> Optional[str]:
        """Why the frame lacks an entry in a file of all frames."""
        sample = self._samples(index)
        try:
            for table in self._tables:
                table.look_up(sample)
        except Exception as error:
            return describe_fault(sample, error)
        return None


@functools.cache
def thread_pool(num_workers: Optional[int] = None) -> ThreadPoolExecutor:
    """Threads that read: by default as many as cores, at most 8.

    They are never shut down. A thread that ends gives back what OpenCV holds
    for it, with OpenCV's lock taken, and Python does not wait for that when it
    joins the thread. A loader's worker that was forked at this moment would
    wait for the lock when it decodes its first picture, for ever, and the
    training with it.
    """
    return ThreadPoolExecutor(
        num_workers or min(_MAX_WORKERS, os.cpu_count() or 1))


if hasattr(os, 'register_at_fork'):  # threads are not forked
    os.register_at_fork(after_in_child=thread_pool.cache_clear)


def map_in_threads(function: Callable, items: Sequence, what: str, unit: str,
                   num_workers: Optional[int] = None) -> List[Any]:
    """What a function gives for each item, under a progress bar."""
    return list(
        tqdm(
            thread_pool(num_workers).map(function, items),
            what,
            len(items),
            unit=unit,
            disable=None))


def check_frames(dataset: Any,
                 num_frames: int,
                 samples: Callable[[int], dict],
                 num_workers: Optional[int] = None) -> DataReport:
    """Run the loaders of a data set's pipeline and keep what they refuse.

    The data set may be half built: ``samples`` gives frame i's sample, a new
    one at each call. ``num_workers``: see :func:`thread_pool`. An ImportError
    if reading needs a package that isn't there.
    """
    report = DataReport(dataset.describe(), num_frames)
    reader = _Reader(dataset, samples)
    notes: List[Any] = [None] * num_frames
    if reader.files:
        notes = _read_files(report, reader, _Memory(dataset.data_root),
                            num_workers)
    for index, note in enumerate(notes):
        if not isinstance(note, str):
            note = reader.look_up(index) or note
        if isinstance(note, str):
            report.faults[index] = note
        elif note is not None:
            report.unknown[frame_name(samples(index))] = tuple(note)
    return report


def _read_files(report: DataReport, reader: _Reader, memory: _Memory,
                num_workers: Optional[int]) -> List[Any]:
    """Read the frames that are not known; what was noted of each frame."""
    frames = range(report.num_frames)
    stamps = list(thread_pool(num_workers).map(reader.stamp, frames))
    notes: Dict[int, Any] = {}

    def read(part):
        notes.update((index, reader.read(index)) for index in part)

    known = memory.load()
    if any(stamp not in known for stamp in stamps):
        with memory.alone():
            known = memory.load()  # another process may have read them
            todo = [i for i in frames if stamps[i] not in known]
            report.num_read = len(todo)
            chunks = [todo[i:i + _CHUNK] for i in range(0, len(todo), _CHUNK)]
            try:
                map_in_threads(read, chunks, f'checking {report.name}',
                               f'x{_CHUNK} frames', num_workers)
            finally:  # also of a check that was interrupted
                known.update({
                    stamps[index]: note
                    for index, note in list(notes.items())
                    if stamps[index] is not None and not isinstance(note, str)
                })
                memory.save(known)
    return [notes[i] if i in notes else known[stamps[i]] for i in frames]


def describe_fault(sample: dict, error: Exception) -> str:
    """An error's message, with the frame if it doesn't name the clip."""
    text = str(error)
    if isinstance(error, KeyError):  # its str() is a repr
        text = str(error.args[0])
    elif not isinstance(error, (OSError, ValueError)):
        text = f'{type(error).__name__}: {text}'
    return text if sample['uid'] in text else f'{frame_name(sample)}: {text}'
