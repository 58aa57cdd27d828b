# Copyright (c) mmteso contributors. All rights reserved.
"""The text cue file: JSON lines, one record per frame.

A record is keyed by ``uid`` and ``frame`` (AVSBench's ``vid`` is not unique)
and says what was seen, what was reasoned and by which models, so that a cue
can be traced. Only ``uid``, ``frame`` and ``cues`` are required::

    {"uid": "-0AB_0_5000", "frame": 0, "cues": ["dog", "man"], ...}
"""
import dataclasses
import json
from typing import Iterable, Iterator, Mapping, Optional, Tuple

from .files import atomic_write

CUE_STATUSES = ('ok', 'failed', 'captioned')

# A server may answer half of a surrogate pair, which UTF-8 can't hold; as a
# backslash escape it is JSON and read back as it was.
LONE_SURROGATES = 'backslashreplace'


class CueFileError(ValueError):
    """A cue file that doesn't follow the format."""


@dataclasses.dataclass(frozen=True)
class CueRecord:
    """What is known about the text cues of one frame.

    Args:
        uid (str): The clip.
        frame (int): The frame, from 0.
        cues (tuple[str]): Names of objects that could sound, most likely
            first; may be empty.
        caption (str): What the captioner answered. Defaults to ''.
        reasoning (str): What the reasoner answered. Defaults to ''.
        captioner (str): The captioning model. Defaults to ''.
        reasoner (str): The reasoning model. Defaults to ''.
        prompt (str): Name of the reasoner's prompt. Defaults to ''.
        prompt_hash (str): SHA-256 of the prompt's file. Defaults to ''.
        status (str): 'ok'; 'failed' if no cues could be obtained, or
            'captioned' if none were asked for yet: the record holds a
            caption only. Defaults to 'ok'.
        seconds (float, optional): Time that the frame took.
            Defaults to None.
        caption_prompt_hash (str): SHA-256 of the captioner's prompt file.
            Defaults to ''.
        error (str): Why a frame has failed. Defaults to ''.

    Raises:
        TypeError: If a field has another type.
        ValueError: If a field has an impossible value.
    """
    uid: str
    frame: int
    cues: Tuple[str, ...]
    caption: str = ''
    reasoning: str = ''
    captioner: str = ''
    reasoner: str = ''
    prompt: str = ''
    prompt_hash: str = ''
    status: str = 'ok'
    seconds: Optional[float] = None
    caption_prompt_hash: str = ''
    error: str = ''

    def __post_init__(self):
        for field in dataclasses.fields(self):
            if field.type is str and not isinstance(
                    getattr(self, field.name), str):
                raise TypeError(f'"{field.name}" must be a string, but got '
                                f'{getattr(self, field.name)!r}')
        if not self.uid:
            raise ValueError('"uid" must not be empty')
        if type(self.frame) is not int or self.frame < 0:
            raise ValueError('"frame" must be a whole number from 0, but got '
                             f'{self.frame!r}')
        if (not isinstance(self.cues, (list, tuple))
                or not all(isinstance(cue, str) for cue in self.cues)):
            raise TypeError(
                f'"cues" must be a list of strings, but got {self.cues!r}')
        if not all(cue.strip() for cue in self.cues):
            raise ValueError(f'"cues" holds an empty cue: {self.cues!r}')
        if self.status not in CUE_STATUSES:
            raise ValueError(f'"status" must be one of {CUE_STATUSES}, but '
                             f'got {self.status!r}')
        if self.seconds is not None and (isinstance(self.seconds, bool)
                                         or not isinstance(
                                             self.seconds, (int, float))):
            raise TypeError('"seconds" must be a number or null, but got '
                            f'{self.seconds!r}')
        # A list would make the record mutable and unhashable.
        object.__setattr__(self, 'cues', tuple(self.cues))

    @classmethod
    def from_json(cls, line: str) -> 'CueRecord':
        """Read one line.

        Args:
            line (str): A JSON object.

        Returns:
            CueRecord: The record.

        Raises:
            ValueError: If the line isn't JSON, or lacks a required key, or
                has an unknown one, or a field has an impossible value.
            TypeError: If a field has another type.
        """
        try:
            values = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f'not a JSON object ({error})') from error
        if not isinstance(values, dict):
            raise ValueError(
                f'a JSON object is expected, but got {values!r:.80}')
        missing = {'uid', 'frame', 'cues'} - values.keys()
        if missing:
            raise ValueError(f'missing {sorted(missing)}')
        unknown = values.keys() - {f.name for f in dataclasses.fields(cls)}
        if unknown:
            raise ValueError(f'unknown {sorted(unknown)}')
        return cls(**values)

    def to_json(self) -> str:
        """Write one line, always with all keys in the same order.

        Returns:
            str: A JSON object without line break.
        """
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False)


def iter_cue_records(path: str) -> Iterator[Tuple[int, CueRecord]]:
    """Read a cue file record by record.

    Args:
        path (str): The file. Blank lines are passed over.

    Yields:
        tuple[int, CueRecord]: Line number (from 1) and record.

    Raises:
        FileNotFoundError: If there is no such file.
        CueFileError: If a line doesn't follow the format, or the file is not
            UTF-8.
    """
    try:
        file = open(path, encoding='utf-8')
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f'The cue file "{path}" does not exist. '
            'tools/generate_text_cues.py generates one; that of SynthAVS '
            'comes with the data (tools/prepare_synthavs.py).') from error
    with file:
        try:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                try:
                    record = CueRecord.from_json(line)
                except (TypeError, ValueError) as error:
                    raise CueFileError(
                        f'{path}, line {number}: {error}.') from error
                yield number, record
        except UnicodeDecodeError as error:
            # no line: the file is decoded some kilobytes at a time
            raise CueFileError(f'{path}: no UTF-8 text ({error}). A cue file '
                               'is JSON lines in UTF-8.') from error


class CueFile(Mapping):
    """The records of a cue file by ``(uid, frame)``.

    Args:
        path (str): The file.
        cues_only (bool): Forget the texts behind the cues (caption,
            reasoning, ...), which take most of the memory: every worker of
            a data loader has a copy. Defaults to False.

    Raises:
        FileNotFoundError: If there is no such file.
        CueFileError: If a line doesn't follow the format, or a frame occurs
            twice with different content.

    Examples:
        >>> cue_file = CueFile('data/synthavs/cues.jsonl')
        >>> cue_file['synthavs-train-00000_0_5000', 3].cues
        ('green-square', 'yellow-triangle')
    """

    def __init__(self, path: str, cues_only: bool = False) -> None:
        self.path = path
        self._records = {}
        lines = {}
        for number, record in iter_cue_records(path):
            key = (record.uid, record.frame)
            digest = hash(record)
            if lines.setdefault(key, (number, digest))[1] != digest:
                raise CueFileError(
                    f'{path}, line {number}: frame {record.frame} of '
                    f'"{record.uid}" was given already in line '
                    f'{lines[key][0]}, with other content. Keep one of them.')
            if cues_only:
                record = CueRecord(
                    record.uid,
                    record.frame,
                    record.cues,
                    status=record.status)
            self._records[key] = record

    def __getitem__(self, key: Tuple[str, int]) -> CueRecord:
        if key not in self._records:
            uid, frame = key
            raise KeyError(
                f'The cue file "{self.path}" ({len(self)} frames) has no cues '
                f'for frame {frame} of "{uid}". Each frame needs a line, be '
                'its list of cues empty.')
        return self._records[key]

    def __contains__(self, key) -> bool:
        return key in self._records

    def __iter__(self):
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    @property
    def num_captioned(self) -> int:
        """Frames that have a caption only: nobody asked for cues yet."""
        return sum(r.status == 'captioned' for r in self._records.values())

    @property
    def num_failed(self) -> int:
        """Frames whose cues could not be obtained."""
        return sum(r.status == 'failed' for r in self._records.values())


def write_cue_file(path: str, records: Iterable[CueRecord]) -> None:
    """Write a cue file; the same records give the same bytes.

    The file appears under its name only once it is complete.

    Args:
        path (str): The file; an existing one is replaced.
        records (Iterable[CueRecord]): The records, written in this order.

    Raises:
        CueFileError: If a frame occurs twice.
    """
    seen = set()
    with atomic_write(path) as partial, open(
            partial,
            'w',
            encoding='utf-8',
            errors=LONE_SURROGATES,
            newline='\n') as file:
        for record in records:
            key = (record.uid, record.frame)
            if key in seen:
                raise CueFileError(f'{path}: frame {record.frame} of '
                                   f'"{record.uid}" is written twice.')
            seen.add(key)
            file.write(record.to_json() + '\n')
