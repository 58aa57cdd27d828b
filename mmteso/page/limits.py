# Copyright (c) mmteso contributors. All rights reserved.
"""How much visitors may bring, and what they are told where it is too much."""
import contextlib
import logging
import os
import os.path as osp
import re
import time
from dataclasses import dataclass
from typing import Iterator, Tuple

# folders, in quotes or not, but no slash between two words
_FOLDERS = re.compile(r'(?<=")(?:[A-Za-z]:)?[\\/][^"]*[\\/]|'
                      r'(?<![\w.<])(?:[A-Za-z]:)?(?:[\\/][^\\/\s\'"]+)+[\\/]')


class Refused(ValueError):
    """What a visitor brought can't be taken; the text tells why."""


@dataclass(frozen=True)
class Limits:
    """What the page takes.

    Attributes:
        megabytes (float): Of a file. Defaults to 100.
        seconds (float): Of a clip. Defaults to 30.
        decoding_seconds (float): That decoding may take. Defaults to 60.
        decoding_gigabytes (float): Likewise. Defaults to 4.
        gigabytes (float): Of all visitors' files together. Defaults to 10.
        idle_seconds (float): After which a visit has ended. Defaults to an
            hour.
        visits (int): How many are remembered; those that nobody asked for
            longest end. Defaults to 100.
    """
    megabytes: float = 100.
    seconds: float = 30.
    decoding_seconds: float = 60.
    decoding_gigabytes: float = 4.
    gigabytes: float = 10.
    idle_seconds: float = 3600.
    visits: int = 100


LIMITS = Limits()


def _files_in(folder: str) -> Iterator[Tuple[str, os.stat_result]]:
    for parent, _, names in os.walk(folder):
        for name in names:
            path = osp.join(parent, name)
            with contextlib.suppress(OSError):  # gone by now
                yield path, os.stat(path)


def remove_old(folder: str, seconds: float) -> None:
    """Remove the files of a folder that are older than so many seconds."""
    for path, stat in _files_in(folder):
        if time.time() - stat.st_mtime > seconds:
            with contextlib.suppress(OSError):
                os.remove(path)


def check_room(folder: str, limits: Limits) -> None:
    """Raise Refused if a folder holds as much as visitors may bring."""
    taken = sum(stat.st_size for _, stat in _files_in(folder))
    if taken >= limits.gigabytes * 1e9:
        raise Refused(
            f'The files of all visitors have reached {limits.gigabytes:g} GB; '
            'this page takes no more. Try again later.')


def readable(error: Exception, folder: str = '') -> str:
    """What a visitor is told of an error; no folder of the server is named.

    Args:
        error (Exception): What files and options are refused with is told.
            Anything else goes to the log.
        folder (str): Whose name is left out, whatever it looks like.
            Defaults to ''.
    """
    if not isinstance(error, (ValueError, TypeError, FileNotFoundError)):
        logging.getLogger(__name__).error('page', exc_info=error)
        return 'Something went wrong; the log of the server says what.'
    text = str(error)
    if folder:  # and what it holds by names of ours
        text = re.sub(rf'{re.escape(folder + os.sep)}(?:\w+[\\/])?', '', text)
    return _FOLDERS.sub('', text)
