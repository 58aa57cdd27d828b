# Copyright (c) mmteso contributors. All rights reserved.
"""Captions or answers of models that exist already."""
import csv
import json
from typing import Dict, Iterator, Optional, Sequence, Tuple

import msgspec

from mmteso.io import CueFile, find_cue_files
from mmteso.logs import warn
from .base import CUT_OFF, ChatFailure, CutText, Frame, Reply

# A text's key -> the keys of its author and the author's prompt.
_AUTHOR = dict(
    caption=('captioner', 'caption_prompt_hash'),
    reasoning=('reasoner', 'prompt_hash'))


class TextFileError(ValueError):
    """A file of captions or answers that isn't as it should be."""


class FromFile:
    """A captioner or reasoner whose texts are there, with their author.

    What is read, by the ending of the file's name (UTF-8):

    * ``.jsonl``: a cue file (or several, as a pattern); or lines
      ``{"uid": ..., "frame": ..., "caption": ...}``;
    * ``.json``: a list of such objects, or ``{uid: caption, ...}``;
    * ``.csv``: such columns, with a header.

    A text without frame (left out, null, or an empty field of the table) is
    the whole clip's; a frame's own goes before it. "captioner" and
    "caption_prompt_hash" ("reasoner" and "prompt_hash") say who wrote it.

    Args:
        path (str): The file.
        key (str): The text's key: 'caption' or 'reasoning'.
        name (str, optional): The author; None: what the file says.
        missing (str): What a frame without text is: 'error' or 'fail'.
    """

    def __init__(self, path: str, key: str, name: Optional[str],
                 missing: str) -> None:
        self._path, self._key, self._missing = path, key, missing
        self._texts: Dict[Tuple[str, Optional[int]], str] = {}
        authors = set()
        for number, values in enumerate(_read(path, key), start=1):
            try:
                uid, text = values['uid'], values[key]
                frame = values.get('frame')
                frame = None if frame in (None, '') else int(frame)
                if not (uid and isinstance(uid + text, str)):
                    raise ValueError('"uid" is empty')
                if values.get('error') == CUT_OFF:  # in a cue file
                    text = CutText(text)
                if self._texts.setdefault((uid, frame), text) != text:
                    raise ValueError('it was given another text already')
            except (KeyError, TypeError, ValueError) as error:
                raise TextFileError(f'{path}, entry {number}: {error!r} in '
                                    f'{values!r:.120}') from error
            authors.add(tuple(values.get(name, '') for name in _AUTHOR[key]))
        author, self.prompt_hash = \
            next(iter(authors)) if len(authors) == 1 else ('', '')
        self.name = name or author
        if not self.name:
            raise TextFileError(
                f'{path} holds no {key}, or says nobody or several as its '
                f'author: {sorted(authors)}. Name them by name=...')

    def prepare(self, frames: Sequence[Frame]) -> None:
        """Warn, or raise TextFileError, if a frame has no text."""
        lacking = [f'frame {frame.frame} of "{frame.uid}"' for frame in frames
                   if isinstance(self.find(frame), ChatFailure)]
        if lacking:
            message = (
                f'{self._path} has no {self._key} for {len(lacking)} of the '
                f'{len(frames)} frames: {", ".join(lacking[:3])}, ...')
            if self._missing != 'fail':
                raise TextFileError(f"{message} Leave them out, or set "
                                    "missing='fail' to record them as failed.")
            warn(message)

    def find(self, frame: Frame) -> Reply:
        """The text of a frame, or that there is none."""
        failure = ChatFailure(f'{self._path} has no {self._key} for it.')
        whole = self._texts.get((frame.uid, None), failure)
        return self._texts.get(frame.key, whole)


def _read(path: str, key: str) -> Iterator[dict]:
    """The entries of a file of texts."""
    try:
        if path.endswith('.jsonl'):
            with open(find_cue_files(path)[0], 'rb') as file:
                is_cue_file = b'"cues":' in file.readline()
            if is_cue_file:
                # frames that failed before their turn have no text
                yield from (msgspec.structs.asdict(record)
                            for record in CueFile(path).values()
                            if getattr(record, key))
                return
        with open(path, encoding='utf-8-sig', newline='') as file:
            if path.endswith('.csv'):
                yield from csv.DictReader(file, strict=True)
            elif path.endswith('.json'):
                values = json.load(file)
                yield from values if isinstance(values, list) else [
                    {'uid': uid, key: text} for uid, text in values.items()]
            else:
                yield from map(json.loads, filter(str.strip, file))
    except (ValueError, csv.Error) as error:
        raise TextFileError(f'{path}: {error}') from error
