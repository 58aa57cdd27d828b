# Copyright (c) mmteso contributors. All rights reserved.
"""Captions that exist already, so that they are made once."""
import csv
import json
import logging
from typing import (Dict, Iterator, List, NamedTuple, Optional, Sequence,
                    Tuple, Union)

from mmengine.logging import print_log

from mmteso.io import CueRecord
from ..registry import CAPTIONERS
from ..structures import ChatFailure, Frame, LoadedFrame
from .base_captioner import BaseCaptioner

_FORMATS = ('.jsonl', '.json', '.csv')
_KEYS = ('uid', 'frame', 'caption', 'captioner', 'caption_prompt_hash')


class CaptionFileError(ValueError):
    """A file of captions that doesn't follow its format, or lacks some."""


class _Entry(NamedTuple):
    """One caption of a file.

    Attributes:
        uid (str): The clip.
        frame (int, optional): The frame; None for the whole clip.
        caption (str): The caption.
        model (tuple[str]): Captioner and hash of its prompt, '' if unknown.
        place (int): Line or entry of the file, from 1.
    """
    uid: str
    frame: Optional[int]
    caption: str
    model: Tuple[str, str]
    place: int


def _from_object(values: object, place: int) -> _Entry:
    """Check an object of our own keys."""
    if not isinstance(values, dict):
        raise ValueError(f'an object with the keys {_KEYS[:3]} is expected, '
                         f'but got {values!r:.80}')
    if values.keys() - set(_KEYS) or not {'uid', 'caption'} <= values.keys():
        raise ValueError('"uid" and "caption" are expected, and may be joined '
                         'by "frame", "captioner" and "caption_prompt_hash", '
                         f'but got {list(values)}')
    for key, value in values.items():
        if key != 'frame' and not isinstance(value, str):
            raise ValueError(f'"{key}" must be a string, but got '
                             f'{value!r:.80}')
        if key in ('uid', 'caption') and not value.strip():
            raise ValueError(f'"{key}" must not be empty')
    frame = values.get('frame')
    if frame is not None and (type(frame) is not int or frame < 0):
        raise ValueError('"frame" must be a whole number from 0, or left out '
                         f'for the whole clip, but got {frame!r:.80}')
    return _Entry(values['uid'], frame, values['caption'],
                  (values.get('captioner', ''),
                   values.get('caption_prompt_hash', '')), place)


def _from_cue_record(line: str, place: int) -> Optional[_Entry]:
    """The caption of a line of a cue file, None if it has none."""
    record = CueRecord.from_json(line)
    # A model may well answer nothing; but a record of no captioner, or of a
    # frame that failed before, has no caption at all.
    if not record.caption and (record.status == 'failed'
                               or not record.captioner):
        return None
    return _Entry(record.uid, record.frame, record.caption,
                  (record.captioner, record.caption_prompt_hash), place)


def _read_json_lines(path: str) -> Iterator[_Entry]:
    with open(path, encoding='utf-8-sig') as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                values = json.loads(line)
                if isinstance(values, dict) and 'cues' in values:
                    entry = _from_cue_record(line, number)
                else:
                    entry = _from_object(values, number)
            except (TypeError, ValueError) as error:
                raise CaptionFileError(
                    f'{path}, line {number}: {error}.') from error
            if entry is not None:
                yield entry


def _read_json(path: str) -> Iterator[_Entry]:
    with open(path, encoding='utf-8-sig') as file:
        try:
            content = json.load(file)
        except json.JSONDecodeError as error:
            raise CaptionFileError(
                f'{path} is not one JSON value ({error}). If it has one per '
                'line, name it *.jsonl.') from error
    if isinstance(content, dict):
        content = [
            dict(uid=uid, caption=caption)
            for uid, caption in content.items()
        ]
    elif not isinstance(content, list):
        raise CaptionFileError(
            f'{path}: a list of objects, or an object of captions by uid, is '
            f'expected, but got {content!r:.80}.')
    for number, values in enumerate(content, start=1):
        try:
            yield _from_object(values, number)
        except ValueError as error:
            raise CaptionFileError(
                f'{path}, entry {number}: {error}.') from error


def _read_csv(path: str) -> Iterator[_Entry]:
    with open(path, encoding='utf-8-sig', newline='') as file:
        reader = csv.DictReader(file, strict=True)
        try:
            for values in reader:
                if None in values or None in values.values():
                    raise ValueError('more or fewer values than the '
                                     f'{len(reader.fieldnames)} columns of '
                                     'the header')
                if 'frame' in values:
                    text = values['frame'].strip()
                    values['frame'] = int(
                        text) if text.isdecimal() else text or None
                yield _from_object(values, reader.line_num)
        except UnicodeDecodeError:
            raise
        except (ValueError, csv.Error) as error:
            raise CaptionFileError(
                f'{path}, line {reader.line_num}: {error}.') from error


_READERS = dict(zip(_FORMATS, (_read_json_lines, _read_json, _read_csv)))


@CAPTIONERS.register_module()
class FixedCaptions(BaseCaptioner):
    """Reads captions that exist already.

    So the frames are captioned once and reasoned over as often as there are
    prompts and reasoners to compare, on the very same captions; and captions
    of any other program can be used.

    What is read, by the ending of the file's name:

    * ``.jsonl``: a cue file with captions, of a run without reasoner or with
      any; or lines ``{"uid": ..., "frame": ..., "caption": ...}``;
    * ``.json``: a list of such objects, or ``{uid: caption, ...}``;
    * ``.csv``: such columns, with a header.

    A caption without frame (left out, null, or an empty field of the table)
    is the whole clip's; a frame's own goes before it. Each entry may also say
    who wrote it, as ``captioner`` and ``caption_prompt_hash``. Files are
    UTF-8.

    Args:
        captions_file (str): The file.
        name (str, optional): Who wrote the captions, as the cue file shall
            record it. None means what the file says; it must be given if the
            file names nobody, or several. Defaults to None.
        missing (str): A frame without caption: 'error' stops the run before
            its first batch, 'fail' records the frame as failed. Defaults to
            'error'.

    Attributes:
        prompt_hash (str): What the file says; '' if it says nothing or the
            captions were asked for with several prompts.

    Raises:
        FileNotFoundError: If there is no such file.
        CaptionFileError: If the file doesn't follow the format, gives a frame
            two different captions, or leaves open who wrote them.
    """

    reads = None

    def __init__(self,
                 captions_file: str,
                 name: Optional[str] = None,
                 missing: str = 'error') -> None:
        if missing not in ('error', 'fail'):
            raise ValueError("missing must be 'error' or 'fail', but got "
                             f'{missing!r}')
        self.missing = missing
        self.captions_file = captions_file
        self._captions: Dict[Tuple[str, Optional[int]], str] = {}
        models = self._read()
        hashes = {prompt_hash for _, prompt_hash in models}
        if name is None:
            names = {captioner for captioner, _ in models}
            if names == {''}:
                raise CaptionFileError(
                    f'{captions_file} does not say who wrote its captions. '
                    "Say it in the config: dict(type='FixedCaptions', "
                    "name=...).")
            if len(models) > 1:
                raise CaptionFileError(
                    f'The captions of {captions_file} were written by several '
                    'captioners, or asked for with several prompts: '
                    f'{sorted(models)}. If that is meant, name the mixture in '
                    "the config: dict(type='FixedCaptions', name=...).")
            name, = names
        self.name = name
        self.prompt_hash = hashes.pop() if len(hashes) == 1 else ''

    def _read(self) -> set:
        """Fill the captions; returns who wrote them, with which prompts."""
        path = self.captions_file
        for ending, read in _READERS.items():
            if path.lower().endswith(ending):
                break
        else:
            raise CaptionFileError(
                f'A file of captions ends in one of {list(_FORMATS)}, but got '
                f'{path!r}.')
        places, models = {}, set()
        try:
            for entry in read(path):
                key = (entry.uid, entry.frame)
                if self._captions.setdefault(key,
                                             entry.caption) != entry.caption:
                    raise CaptionFileError(
                        f'{path}, entry or line {entry.place}: '
                        f'{self._where(*key)} was given another caption '
                        f'already, at {places[key]}. Keep one of them.')
                places.setdefault(key, entry.place)
                models.add(entry.model)
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f'The file of captions "{path}" does not exist. A run of '
                'tools/generate_text_cues.py with reasoner=None writes a cue '
                'file of captions.') from error
        except UnicodeDecodeError as error:
            raise CaptionFileError(
                f'{path} is not UTF-8 ({error}).') from error
        if not models:
            raise CaptionFileError(f'{path} holds no caption.')
        return models

    @staticmethod
    def _where(uid: str, frame: Optional[int]) -> str:
        clip = f'"{uid}"'
        return clip if frame is None else f'frame {frame} of {clip}'

    def _find(self, frame: Frame) -> Optional[str]:
        """The caption of a frame, None if there is none."""
        own = self._captions.get(frame.key)
        return self._captions.get((frame.uid, None)) if own is None else own

    def prepare(self, frames: Sequence[Frame]) -> None:
        """Check that every frame of the run has a caption.

        Args:
            frames (Sequence[Frame]): The frames of the run.

        Raises:
            CaptionFileError: If frames have none; names the first ones. Not
                with ``missing='fail'``.
        """
        missing = [frame for frame in frames if self._find(frame) is None]
        if not missing:
            return
        if self.missing == 'fail':
            print_log(
                f'{len(missing)} of the {len(frames)} frames have no caption '
                f'in {self.captions_file}: they will be recorded as failed.',
                logger='current',
                level=logging.WARNING)
            return
        shown = ', '.join(self._where(*frame.key) for frame in missing[:3])
        more = ', ...' if len(missing) > 3 else ''
        raise CaptionFileError(
            f'{self.captions_file} ({len(self._captions)} captions) has none '
            f'for {len(missing)} of the {len(frames)} frames: {shown}{more}. '
            "Caption these too, leave them out of the run, or set "
            "missing='fail'.")

    def caption(
            self,
            frames: Sequence[LoadedFrame]) -> List[Union[str, ChatFailure]]:
        """See :meth:`BaseCaptioner.caption`.

        Raises:
            CaptionFileError: If a frame has no caption; not with
                ``missing='fail'``.
        """
        wanted = [loaded.frame for loaded in frames]
        captions = [self._find(frame) for frame in wanted]
        if None in captions and self.missing == 'error':
            self.prepare(wanted)
        lacking = ChatFailure(f'{self.captions_file} has no caption for it.')
        return [lacking if text is None else text for text in captions]
