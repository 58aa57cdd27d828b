# Copyright (c) mmteso contributors. All rights reserved.
"""Putting the cue files of a run's shards together."""
import dataclasses
import os
import re
from collections import Counter
from typing import Dict, Iterable, Iterator, List, Sequence, Set, Tuple

from filelock import FileLock, Timeout

from .cue_file import CueFileError, CueRecord, iter_cue_records
from .phrases import normalize_phrase

ON_CONFLICT = ('error', 'ok', 'first', 'last')
# What makes two records those of one run.
_ORIGIN = ('captioner', 'caption_prompt_hash', 'reasoner', 'prompt',
           'prompt_hash')
_SHARD = re.compile(r'(.*)\.shard-(\d+)-of-(\d+)(.*)')
# The best first.
_STATUSES = ('ok', 'captioned', 'failed')
_SHOWN = 10

Key = Tuple[str, int]


@dataclasses.dataclass(frozen=True)
class CueSummary:
    """What a set of records comes to.

    Attributes:
        frames (int): Records.
        clips (int): Different clips.
        failed (int): Frames whose cues could not be obtained.
        captioned (int): Frames that have a caption only.
        empty (int): Served frames without a cue: nothing there can sound.
        mean_cues (float): Cues per served frame; 0 without any.
        distinct_cues (int): Different cues, as
            :func:`mmteso.io.normalize_phrase` writes them.
    """
    frames: int
    clips: int
    failed: int
    captioned: int
    empty: int
    mean_cues: float
    distinct_cues: int


def summarize_cues(records: Iterable[CueRecord]) -> CueSummary:
    """Count frames, clips and cues.

    Args:
        records (Iterable[CueRecord]): The records.

    Returns:
        CueSummary: The counts.
    """
    clips, distinct, statuses = set(), set(), Counter()
    empty = cues = 0
    for record in records:
        clips.add(record.uid)
        statuses[record.status] += 1
        if record.status == 'ok':
            cues += len(record.cues)
            empty += not record.cues
            distinct.update(map(normalize_phrase, record.cues))
    return CueSummary(
        frames=sum(statuses.values()),
        clips=len(clips),
        failed=statuses['failed'],
        captioned=statuses['captioned'],
        empty=empty,
        mean_cues=cues / max(statuses['ok'], 1),
        distinct_cues=len(distinct))


def missing_frames(records: Iterable[CueRecord],
                   expected: Iterable[Key]) -> List[Key]:
    """Which frames have no record.

    Args:
        records (Iterable[CueRecord]): The records, e.g. a cue file's values.
        expected (Iterable[tuple[str, int]]): Frames that there should be, as
            (uid, frame).

    Returns:
        list[tuple[str, int]]: Those without a record, in the given order.
    """
    present = {(record.uid, record.frame) for record in records}
    return [key for key in expected if key not in present]


def missing_shards(paths: Iterable[str]) -> List[str]:
    """Which files are lacking to make all shards of the given runs.

    Args:
        paths (Iterable[str]): Files; of those named as
            ``tools/generate_text_cues.py`` names shards,
            ``cues.shard-0-of-8.jsonl``, all parts should be among them.

    Returns:
        list[str]: Paths of the others.
    """
    found: Dict[tuple, Set[int]] = {}
    for path in paths:
        match = _SHARD.fullmatch(path)
        if match:
            stem, index, count, suffix = match.groups()
            found.setdefault((stem, int(count), suffix), set()).add(int(index))
    return [
        f'{stem}.shard-{index}-of-{count}{suffix}'
        for (stem, count, suffix), indices in sorted(found.items())
        for index in range(count) if index not in indices
    ]


@dataclasses.dataclass(frozen=True)
class MergedCues:
    """What came out of a merge.

    Attributes:
        records (tuple[CueRecord]): One per frame, sorted by uid and frame,
            whatever the order and number of the files.
        repeated (int): Records left out because they say the same.
        decided (int): Records left out because ``on_conflict`` says so.
        summaries (dict[str, CueSummary]): Of each file.
    """
    records: Tuple[CueRecord, ...]
    repeated: int
    decided: int
    summaries: Dict[str, CueSummary]


def merge_cue_files(paths: Sequence[str],
                    on_conflict: str = 'error',
                    allow_mixed: bool = False) -> MergedCues:
    """Put cue files together, one record per frame.

    A frame may occur several times with the same content; the seconds that
    it took are no content.

    Args:
        paths (Sequence[str]): The files.
        on_conflict (str): What to do with a frame that has several contents:
            'error'; 'ok' takes the served one if just one of them was served
            (and the first of several failures), and is an error otherwise;
            'first' and 'last' go by the order of ``paths`` and lines.
            Defaults to 'error'.
        allow_mixed (bool): Whether the records may come from different
            models and prompts. Defaults to False.

    Returns:
        MergedCues: The records and what was left out.

    Raises:
        FileNotFoundError: If a file doesn't exist.
        CueFileError: If a file is being written, broken or given twice, if
            frames have several contents, or the runs are mixed.
        ValueError: If ``on_conflict`` is none of the above.
    """
    if on_conflict not in ON_CONFLICT:
        raise ValueError(f'on_conflict must be one of {ON_CONFLICT}, but got '
                         f'{on_conflict!r}')
    for path, count in Counter(map(os.path.realpath, paths)).items():
        if count > 1:
            raise CueFileError(f'"{path}" is given {count} times.')
    merged: Dict[Key, Tuple[CueRecord, str]] = {}
    origins: Dict[tuple, str] = {}
    summaries, conflicts = {}, []
    repeated = decided = 0
    for path in paths:
        own = []
        for number, record in _iter_shard(path):
            own.append(record)
            where = f'{path}, line {number}'
            origins.setdefault(
                tuple(getattr(record, name) for name in _ORIGIN), where)
            key = record.uid, record.frame
            if key not in merged:
                merged[key] = record, where
                continue
            have, had_where = merged[key]
            if _content(have) == _content(record):
                repeated += 1
                continue
            winner = _decide(have, record, on_conflict)
            if winner is None:
                conflicts.append(f'frame {record.frame} of "{record.uid}": '
                                 f'{had_where}, and {where}')
            elif winner is record:
                merged[key] = record, where
            decided += 1
        summaries[path] = summarize_cues(own)
    if len(origins) > 1 and not allow_mixed:
        raise CueFileError(_mixed_message(origins))
    if conflicts:
        raise CueFileError(
            'Frames given several times, with other content: '
            f'{len(conflicts)} (--on-conflict says which one to take)\n'
            f'{list_some(conflicts)}')
    records = tuple(merged[key][0] for key in sorted(merged))
    return MergedCues(records, repeated, decided, summaries)


def list_some(items: Sequence[str]) -> str:
    """The first ten items, one a line, and how many more there are.

    Args:
        items (Sequence[str]): The items.

    Returns:
        str: Indented lines.
    """
    lines = [f'  {item}' for item in items[:_SHOWN]]
    if len(items) > _SHOWN:
        lines.append(f'  ... and {len(items) - _SHOWN} more')
    return '\n'.join(lines)


def _content(record: CueRecord) -> CueRecord:
    return dataclasses.replace(record, seconds=None)


def _decide(first: CueRecord, second: CueRecord, on_conflict: str):
    """The record to take; None if that can't be said."""
    if on_conflict == 'first':
        return first
    if on_conflict == 'last':
        return second
    if on_conflict == 'ok':
        ranks = [_STATUSES.index(r.status) for r in (first, second)]
        if ranks[0] != ranks[1]:
            return min(first, second, key=lambda r: _STATUSES.index(r.status))
        if first.status == 'failed':
            return first
    return None


def _mixed_message(origins: Dict[tuple, str]) -> str:
    lines = []
    for index, name in enumerate(_ORIGIN):
        values = {}
        for origin, where in origins.items():
            values.setdefault(origin[index], where)
        if len(values) > 1:
            lines.append(f'{name}: ' + '; '.join(
                f'"{value}" ({where})' for value, where in values.items()))
    return ('The records come from different models or prompts '
            f'(--allow-mixed takes them)\n{list_some(lines)}')


def _iter_shard(path: str) -> Iterator[Tuple[int, CueRecord]]:
    """Like :func:`iter_cue_records`, of a file that is whole."""
    lock = f'{path}.lock'
    if os.path.exists(lock):
        probe = FileLock(lock)
        try:
            probe.acquire(blocking=False)
            probe.release()
        except Timeout as error:
            raise CueFileError(
                f'"{path}" is being written by another process. Wait for '
                'it.') from error
        except PermissionError:
            pass  # somebody else's file, which we may only read
    if os.path.exists(path):
        _check_end(path)
    yield from iter_cue_records(path)


def _check_end(path: str) -> None:
    """Tell a file that a killed process left from other broken ones."""
    last = b''
    with open(path, 'rb') as file:
        for last in file:
            pass
    if last.endswith(b'\n') or not last.strip():
        return
    try:
        CueRecord.from_json(last.decode())
    except (TypeError, ValueError) as error:
        raise CueFileError(
            f'{path} ends in the middle of a record: the process that wrote '
            'it was killed. Run its command (python '
            'tools/generate_text_cues.py ...) again with --resume, which '
            'mends the file and makes what is missing.') from error
