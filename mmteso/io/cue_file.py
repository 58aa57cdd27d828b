# Copyright (c) mmteso contributors. All rights reserved.
"""The text cue file: JSON lines, one record per frame, append-only.

A record is keyed by ``uid`` and ``frame`` (AVSBench's ``vid`` is not unique)
and says what was seen, what was reasoned and by which models, so that a cue
can be traced. Only ``uid``, ``frame`` and ``cues`` are required::

    {"uid": "-0AB_0_5000", "frame": 0, "cues": ["dog", "man"], ...}

A frame may occur several times, because failed frames are tried again: the
last record counts. An unfinished last line, left by a process that was
killed, doesn't count.
"""
import glob
import json
import os
from codecs import BOM_UTF8
from typing import (Annotated, Dict, Iterable, Iterator, List, Literal,
                    Optional, Sequence, Tuple, Union)

import msgspec

from .files import write_file

_RECORD_START = b'{"uid": "'  # see CueRecord.to_json


class CueFileError(ValueError):
    """A cue file that doesn't follow the format."""


class CueRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known about the text cues of one frame."""
    uid: Annotated[str, msgspec.Meta(min_length=1)]  #: The clip.
    frame: Annotated[int, msgspec.Meta(ge=0)]  #: From 0.
    #: Names of objects that could sound, most likely first; may be empty.
    cues: Tuple[Annotated[str, msgspec.Meta(pattern=r'\S')], ...]
    caption: str = ''  #: What the captioner answered.
    reasoning: str = ''  #: What the reasoner answered.
    captioner: str = ''  #: The model.
    reasoner: str = ''  #: The model.
    prompt: str = ''  #: Name of the reasoner's prompt.
    prompt_hash: str = ''  #: SHA-256 of its file.
    #: 'failed' if no cues could be obtained, or 'captioned' if none were asked
    #: for yet.
    status: Literal['ok', 'failed', 'captioned'] = 'ok'
    seconds: Optional[float] = None  #: Time that the frame took.
    caption_prompt_hash: str = ''  #: SHA-256 of the captioner's prompt.
    error: str = ''  #: Why the frame has failed.
    version: str = ''  #: Version and commit of mmteso that made the cues.

    def __post_init__(self):
        # a list would make the record mutable and unhashable
        if type(self.cues) is not tuple:
            msgspec.structs.force_setattr(self, 'cues', tuple(self.cues))

    @property
    def key(self) -> Tuple[str, int]:
        """Clip and frame."""
        return self.uid, self.frame

    @staticmethod
    def from_json(line: Union[str, bytes]) -> 'CueRecord':
        """Read one line; ValueError if a key is missing, unknown or wrong."""
        try:
            return _DECODER.decode(line)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            # half of a surrogate pair, as to_bytes writes it, is what
            # Python's reader takes; it says what is wrong otherwise
            text = line if isinstance(line, str) else line.decode()
            return msgspec.convert(json.loads(text), CueRecord)

    def to_json(self) -> str:
        """Write one line, always with all keys in the same order."""
        return json.dumps(msgspec.structs.asdict(self), ensure_ascii=False)

    def to_bytes(self) -> bytes:
        """The line with its line break, in UTF-8."""
        # half of a surrogate pair, which a server may answer, is no UTF-8
        return f'{self.to_json()}\n'.encode(errors='backslashreplace')


_DECODER = msgspec.json.Decoder(CueRecord)


def _is_torn(line: bytes) -> bool:
    """Whether a file's last line is the beginning of a record."""
    begun = line.rstrip(b'\0')  # a power cut may leave NULs
    return not line.endswith(b'\n') and (begun.startswith(_RECORD_START)
                                         or _RECORD_START.startswith(begun))


def iter_cue_records(path: str) -> Iterator[Tuple[int, CueRecord]]:
    """Read a cue file: line number (from 1) and record of each line.

    Blank lines and an unfinished last one are passed over; another that is no
    record is a CueFileError.
    """
    try:
        file = open(path, 'rb')
    except FileNotFoundError as error:
        parts = f'{os.path.splitext(path)[0]}.rank*.jsonl'
        hint = 'tools/generate_text_cues.py generates one; SynthAVS has its ' \
            'own (tools/dataset_converters/prepare_synthavs.py)'
        if glob.glob(parts):
            hint = f'`cat {parts} > {path}` puts it together'
        raise FileNotFoundError(
            f'The cue file "{path}" does not exist: {hint}.') from error
    with file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                record = CueRecord.from_json(line.removeprefix(BOM_UTF8))
            except (ValueError, RecursionError) as error:
                if _is_torn(line):
                    return
                raise CueFileError(
                    f'{path}, line {number}: {error}.') from error
            yield number, record


def find_cue_files(paths: Union[str, os.PathLike, Sequence]) -> List[str]:
    """The files that are meant by a path, a pattern, or several of them.

    One that neither exists nor matches anything is returned as it is.
    """
    if isinstance(paths, (str, os.PathLike)):
        paths = [paths]
    found = []
    for path in map(os.fspath, paths):
        matches = [] if os.path.exists(path) else sorted(glob.glob(path))
        found += matches or [path]
    return found


class CueFile(Dict[Tuple[str, int], CueRecord]):
    """The records of one cue file, or several, by ``(uid, frame)``.

    Of several records of a frame the last one counts, but a failed one
    replaces no other (the files of several processes have no order).

    Args:
        path (str | Sequence[str]): A file, several, or a pattern such as
            'data/avsbench/cues.rank*.jsonl'.
        cues_only (bool): Forget the texts behind the cues, which take most of
            the memory of a data loader's workers.
    """

    def __init__(self, path: Union[str, os.PathLike, Sequence],
                 cues_only: bool = False) -> None:
        super().__init__()
        self.path = path
        for file in find_cue_files(path):
            for _, record in iter_cue_records(file):
                if record.status == 'failed' and record.key in self:
                    continue
                if cues_only:
                    record = CueRecord(
                        *record.key, record.cues, status=record.status)
                self[record.key] = record

    def __missing__(self, key: Tuple[str, int]) -> CueRecord:
        raise KeyError(
            f'The cue file "{self.path}" ({len(self)} frames) has no cues for '
            f'frame {key[1]} of "{key[0]}". Each frame needs a line, be its '
            'list of cues empty.')

    @property
    def num_captioned(self) -> int:
        """Frames that have a caption only: nobody asked for cues yet."""
        return sum(record.status == 'captioned' for record in self.values())

    @property
    def num_failed(self) -> int:
        """Frames whose cues could not be obtained."""
        return sum(record.status == 'failed' for record in self.values())


def append_cue_records(path: str, records: Iterable[CueRecord]) -> None:
    """Append records to a cue file; they are on the disk when this returns.

    An unfinished last line, left by a process that was killed, is taken away;
    a file that ends in something else is refused.
    """
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, 'a+b') as file:
        file.seek(max(file.tell() - 1, 0))
        if file.read(1) not in (b'', b'\n'):
            file.seek(0)
            *_, last = file
            try:
                CueRecord.from_json(last)
                file.write(b'\n')
            except ValueError as error:
                if not _is_torn(last):
                    raise CueFileError(
                        f'"{path}" is no cue file, it ends in {last!r:.80}. '
                        'Write to another file.') from error
                file.truncate(file.tell() - len(last))
        file.write(b''.join(record.to_bytes() for record in records))
        file.flush()
        os.fsync(file.fileno())


def write_cue_file(path: str, records: Iterable[CueRecord]) -> None:
    """Write a cue file, whole or not at all; the same records give the same
    bytes."""
    write_file(path, b''.join(record.to_bytes() for record in records))
