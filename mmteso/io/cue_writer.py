# Copyright (c) mmteso contributors. All rights reserved.
"""Writing a cue file that survives being killed."""
import os
from typing import Dict, List, Sequence, Tuple

from filelock import FileLock, Timeout

from .cue_file import LONE_SURROGATES, CueFileError, CueRecord, write_cue_file

# What a record begins with, see CueRecord.to_json; a power cut may leave NULs.
_RECORD_START = b'{"uid": "'


def read_resumable(path: str) -> Tuple[List[CueRecord], int]:
    """Read a cue file that a process may have been killed in writing.

    The file isn't changed.

    Args:
        path (str): A cue file. Its lines end with a line break; what follows
            the last one is a whole record or the beginning of one.

    Returns:
        tuple[list[CueRecord], int]: The whole records, and the number of
        bytes of an unfinished one at the end, 0 if there is none.

    Raises:
        CueFileError: If a line is no record, or the file ends in something
            that is none of both: then it is no cue file.
    """
    with open(path, 'rb') as file:
        lines = file.read().splitlines(keepends=True)
    tail = b''
    if lines and not lines[-1].endswith(b'\n'):
        tail = lines.pop()
    records = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            records.append(_parse(path, number, line))
    if not tail.strip():
        return records, len(tail)
    try:
        return records + [_parse(path, len(lines) + 1, tail)], 0
    except CueFileError as error:
        begun = tail.rstrip(b'\0')
        if begun.startswith(_RECORD_START) or _RECORD_START.startswith(begun):
            return records, len(tail)
        raise CueFileError(f'{error} It was not changed.') from error


def _parse(path: str, number: int, line: bytes) -> CueRecord:
    try:
        return CueRecord.from_json(line.decode())
    except (TypeError, ValueError) as error:
        raise CueFileError(
            f'{path}, line {number} is no record of a cue file: '
            f'{error}.') from error


class CueWriter:
    """Appends records to a cue file, batch by batch, each safe on disk.

    A batch is written at once and flushed to the disk before :meth:`write`
    returns. A process that is killed therefore loses at most the batch in
    flight; with ``resume=True`` the next one takes away the half-written line
    that may be left and goes on. A lock keeps a second process from writing
    to the same file; the operating system releases it when a process dies.

    An existing file is changed by the first batch, or where there is none by
    :meth:`close`, and not at all by a ``with`` block that an error ends
    before: whoever resumes looks at :attr:`origins` first, and a run that is
    refused must not cost records.

    Args:
        path (str): The file; its folder is made if missing.
        resume (bool): Go on with an existing file; without one, begin.
            Defaults to False.
        retry_failed (bool): With ``resume``, forget the frames that failed,
            so that they are tried again. Defaults to False.

    Attributes:
        done (dict): Status of the frames in the file by ``(uid, frame)``;
            without those that are to be tried again.
        origins (set): ``(captioner, caption_prompt_hash, reasoner, prompt,
            prompt_hash)`` of all records in the file.
        cut_bytes (int): Bytes of an unfinished record at its end, which are
            cut off.

    Raises:
        FileExistsError: If the file exists and ``resume`` is off.
        CueFileError: If another process is writing the file, or a line is
            broken in another place than the end; the file isn't changed.
    """

    def __init__(self,
                 path: str,
                 resume: bool = False,
                 retry_failed: bool = False) -> None:
        self.path = path
        self.done: Dict[Tuple[str, int], str] = {}
        self.origins = set()
        self.cut_bytes = 0
        self._retry_failed = retry_failed
        self._file = None
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        self._lock = FileLock(f'{path}.lock')
        try:
            self._lock.acquire(blocking=False)
        except Timeout as error:
            raise CueFileError(
                f'Another process is writing "{path}". Give each its own '
                'shard, or wait for the other one.') from error
        try:
            # an empty one is what a run leaves that could not begin
            if os.path.exists(path) and os.path.getsize(path):
                if not resume:
                    raise FileExistsError(
                        f'The cue file "{path}" exists already. Resume it '
                        '(--resume), or write to another file.')
                self._take_over()
            else:
                self._file = open(path, 'ab')
        except BaseException:
            self._lock.release()
            raise

    def _take_over(self) -> None:
        """Learn what the file holds."""
        records, self.cut_bytes = read_resumable(self.path)
        for record in records:
            if (record.uid, record.frame) in self.done:
                raise CueFileError(
                    f'"{self.path}": frame {record.frame} of "{record.uid}" '
                    'is given twice. Keep one of the lines.')
            self._note(record)
        self.done = {(r.uid, r.frame): r.status
                     for r in self._kept(records)}

    def _kept(self, records: Sequence[CueRecord]) -> List[CueRecord]:
        return [
            record for record in records
            if not (self._retry_failed and record.status == 'failed')
        ]

    def _begin(self) -> None:
        """Settle what the last run left, and open the file."""
        if self._file is not None:
            return
        with open(self.path, 'rb') as file:
            file.seek(-1, os.SEEK_END)
            whole = file.read() == b'\n'
        if not whole or self.cut_bytes or self._retry_failed:
            # read again: kept since the start, the texts would fill memory
            records, _ = read_resumable(self.path)
            write_cue_file(self.path, self._kept(records))
        self._file = open(self.path, 'ab')

    def _note(self, record: CueRecord) -> None:
        self.done[record.uid, record.frame] = record.status
        self.origins.add(
            (record.captioner, record.caption_prompt_hash, record.reasoner,
             record.prompt, record.prompt_hash))

    def write(self, records: Sequence[CueRecord]) -> None:
        """Append a batch; it is on the disk when this returns.

        Args:
            records (Sequence[CueRecord]): The batch.

        Raises:
            CueFileError: If a frame is in the file already.
        """
        keys = [(record.uid, record.frame) for record in records]
        twice = [key for i, key in enumerate(keys)
                 if key in self.done or key in keys[:i]]
        if twice:
            uid, frame = twice[0]
            raise CueFileError(f'"{self.path}": frame {frame} of "{uid}" '
                               'is written twice.')
        if not records:
            return
        self._begin()
        self._file.write(''.join(f'{record.to_json()}\n'
                                 for record in records).encode(
                                     errors=LONE_SURROGATES))
        self._file.flush()
        os.fsync(self._file.fileno())
        for record in records:
            self._note(record)

    def close(self) -> None:
        """Settle what is left to settle, and let others write the file."""
        try:
            self._begin()
        finally:
            self._release()

    def _release(self) -> None:
        if self._file is not None:
            self._file.close()
        self._lock.release()

    def __enter__(self) -> 'CueWriter':
        return self

    def __exit__(self, kind, *error) -> None:
        if kind is None:
            self.close()
        else:
            self._release()
