# Copyright (c) mmteso contributors. All rights reserved.
"""Writing a cue file that survives being killed."""
import os
from typing import Dict, Sequence, Tuple

from filelock import FileLock, Timeout

from .cue_file import (LONE_SURROGATES, CueFileError, CueRecord,
                       iter_cue_records, write_cue_file)


def cut_broken_end(path: str) -> int:
    """Cut off what a killed process left of its last line.

    Args:
        path (str): A cue file. Its lines end with a line break; what follows
            the last one is an unfinished record.

    Returns:
        int: Number of bytes that were cut off, 0 for a whole file.
    """
    with open(path, 'rb+') as file:
        size = file.seek(0, os.SEEK_END)
        end, tail = size, b''
        while end and b'\n' not in tail:
            start = max(0, end - 65536)
            file.seek(start)
            tail = file.read(end - start)
            end = start
        keep = end + tail.rfind(b'\n') + 1
        if keep < size:
            file.truncate(keep)
            os.fsync(file.fileno())
    return size - keep


class CueWriter:
    """Appends records to a cue file, batch by batch, each safe on disk.

    A batch is written at once and flushed to the disk before :meth:`write`
    returns. A process that is killed therefore loses at most the batch in
    flight; with ``resume=True`` the next one cuts off the half-written line
    that may be left and goes on. A lock keeps a second process from writing
    to the same file; the operating system releases it when a process dies.

    Args:
        path (str): The file; its folder is made if missing.
        resume (bool): Go on with an existing file; without one, begin.
            Defaults to False.
        retry_failed (bool): With ``resume``, forget the frames that failed,
            so that they are tried again. Defaults to False.

    Attributes:
        done (dict): Status of the frames in the file by ``(uid, frame)``.
        origins (set): ``(captioner, caption_prompt_hash, reasoner, prompt,
            prompt_hash)`` of the records in the file.
        cut_bytes (int): Bytes of an unfinished record that were cut off.

    Raises:
        FileExistsError: If the file exists and ``resume`` is off.
        CueFileError: If another process is writing the file, or a line is
            broken in another place than the end.
    """

    def __init__(self,
                 path: str,
                 resume: bool = False,
                 retry_failed: bool = False) -> None:
        self.path = path
        self.done: Dict[Tuple[str, int], str] = {}
        self.origins = set()
        self.cut_bytes = 0
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        self._lock = FileLock(f'{path}.lock')
        try:
            self._lock.acquire(blocking=False)
        except Timeout as error:
            raise CueFileError(
                f'Another process is writing "{path}". Give each its own '
                'shard, or wait for the other one.') from error
        try:
            if os.path.exists(path):
                if not resume:
                    raise FileExistsError(
                        f'The cue file "{path}" exists already. Resume it '
                        '(--resume), or write to another file.')
                self._take_over(retry_failed)
            self._file = open(path, 'ab')
        except BaseException:
            self._lock.release()
            raise

    def _take_over(self, retry_failed: bool) -> None:
        self.cut_bytes = cut_broken_end(self.path)
        records = [record for _, record in iter_cue_records(self.path)]
        if retry_failed and any(r.status == 'failed' for r in records):
            records = [r for r in records if r.status != 'failed']
            write_cue_file(self.path, records)
        for record in records:
            if (record.uid, record.frame) in self.done:
                raise CueFileError(
                    f'"{self.path}": frame {record.frame} of "{record.uid}" '
                    'is given twice. Keep one of the lines.')
            self._note(record)

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
        self._file.write(''.join(f'{record.to_json()}\n'
                                 for record in records).encode(
                                     errors=LONE_SURROGATES))
        self._file.flush()
        os.fsync(self._file.fileno())
        for record in records:
            self._note(record)

    def close(self) -> None:
        """Close the file and let others write it."""
        self._file.close()
        self._lock.release()

    def __enter__(self) -> 'CueWriter':
        return self

    def __exit__(self, *error) -> None:
        self.close()
