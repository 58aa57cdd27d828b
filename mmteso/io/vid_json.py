# Copyright (c) mmteso contributors. All rights reserved.
"""The cues' format of the TeSO authors' release, from and to cue files.

It is one JSON object, ``{"vid": {"f0": "guitar,man,", "f1": ""}, ...}``, and
two things about it are easily got wrong (``dataset_avs.py`` of
GeWu-Lab/Sounding-Object-Segmentation-Preference):

* It is keyed by ``vid``, the video that a clip was cut from. In v2 several
  clips share one (in v1s and v1m none do), so there is no saying whose cues
  they are. Such clips *collide*; they are named and never guessed at.
* The release appends the word None, as padding, to the text before it takes
  it apart at the commas. So a comma follows the last cue, too, or it would
  read "manNone". Files with and without that comma are read.
"""
import json
import re
from collections import Counter
from typing import (Collection, Dict, Iterable, List, Mapping, NamedTuple,
                    Tuple)

from .cue_file import CueRecord
from .files import read_json, write_file
from .phrases import normalize_phrase

#: What :attr:`mmteso.io.CueRecord.reasoner` says of imported cues.
IMPORTED = 'imported'
_PADDING = 'none'
_SHOWN = 10
_PROBLEMS = dict(
    colliding='Videos that several clips share, so that there is no saying '
    'whose cues they hold: {} (--skip-colliding leaves all of these clips '
    'out)',
    unknown='Videos, clips or frames that are not in the metadata: {} '
    '(--skip-unknown leaves them out)',
    missing='Clips or frames without cues: {} (--skip-missing goes on without '
    'them)',
    wrong="Cues that can't be written, as the format separates them by commas "
    'and pads with the word None: {}')

#: Cues by vid and frame.
VidTable = Dict[str, Dict[int, Tuple[str, ...]]]


class VidJsonError(ValueError):
    """Cues by ``vid`` that can't be read, or not be matched with clips."""


class VidClip(NamedTuple):
    """A clip that cues are wanted for: the video that it was cut from, its
    frames, and how many of them, from the first on, must have cues."""
    vid: str
    num_frames: int
    num_required: int


class VidImport(NamedTuple):
    """Records in the order of the clips, and what was passed over, by kind."""
    records: Tuple[CueRecord, ...]
    left_out: Dict[str, List[str]]


class VidExport(NamedTuple):
    """Cues by vid and frame, sorted, and what was passed over, by kind.

    ``unserved`` counts failed or merely captioned frames, which the format
    can't tell from frames where nothing sounds.
    """
    table: VidTable
    left_out: Dict[str, List[str]]
    unserved: int


def read_vid_json(path: str) -> Tuple[VidTable, Dict[str, int]]:
    """Read a file of the authors' format, and clean it.

    Gives the cues; and how many 'None' words, 'repeated' cues of a frame, and
    cues with 'spaces' around them were cleaned. Names are repeated if
    :func:`mmteso.io.normalize_phrase` writes them alike; the first stays. A
    VidJsonError if the file has another format.
    """
    try:
        values = read_json(path)
    except ValueError as error:
        raise VidJsonError(str(error)) from error
    counts = Counter({'None': 0, 'repeated': 0, 'spaces': 0})
    table: VidTable = {}
    try:
        for vid, frames in values.items():
            table[vid] = {
                _frame(name): _read_cues(text, counts)
                for name, text in frames.items()
            }
    except (AttributeError, ValueError) as error:
        where = f'"{vid}" holds {frames!r:.80}' if isinstance(
            values, dict) else f'it holds {values!r:.80}'
        raise VidJsonError(
            f'"{path}": {where}.\nExpected is '
            '{"vid": {"f0": "guitar,man,", ...}, ...}') from error
    return table, dict(counts)


def _frame(name: str) -> int:
    if not re.fullmatch('f(0|[1-9][0-9]*)', name):
        raise ValueError(f'"{name}" is no frame')
    return int(name[1:])


def _read_cues(text: str, counts: Dict[str, int]) -> Tuple[str, ...]:
    cues: Dict[str, str] = {}
    for part in text.split(','):
        cue = part.strip()
        phrase = normalize_phrase(cue)
        if phrase == _PADDING:
            counts['None'] += 1
        elif phrase in cues:
            counts['repeated'] += 1
        elif phrase:
            counts['spaces'] += cue != part
            cues[phrase] = cue
    return tuple(cues.values())


def write_vid_json(path: str, table: VidTable) -> None:
    """Write a file of the authors' format; the cues are without commas."""
    values = {
        vid: {
            f'f{frame}': ''.join(f'{cue},' for cue in cues)
            for frame, cues in frames.items()
        }
        for vid, frames in table.items()
    }
    write_file(path, f'{json.dumps(values, indent=1)}\n')


def _clips_by_vid(vids: Mapping[str, str]) -> Dict[str, List[str]]:
    clips: Dict[str, List[str]] = {}
    for uid, vid in vids.items():
        clips.setdefault(vid, []).append(uid)
    return clips


def _refuse(problems: Mapping[str, List[str]],
            allowed: Collection[str]) -> None:
    lines = []
    for kind, items in problems.items():
        if items and kind not in allowed:
            lines.append(_PROBLEMS[kind].format(len(items)))
            lines += [f'  {item}' for item in items[:_SHOWN]]
            if len(items) > _SHOWN:
                lines.append(f'  ... and {len(items) - _SHOWN} more')
    if lines:
        raise VidJsonError('\n'.join(lines))


def import_vid_json(table: VidTable,
                    clips: Mapping[str, VidClip],
                    other_vids: Collection[str] = (),
                    skip: Collection[str] = ()) -> VidImport:
    """Give the cues of videos to the clips, by uid, that were cut from them.

    ``other_vids`` in the table are passed over. A VidJsonError names all
    problems, but for the kinds in ``skip``: 'colliding' (videos that several
    of the clips share: none of them gets cues), 'unknown' (videos of no clip,
    frames beyond a clip's end) and 'missing' (clips and frames without cues).
    """
    by_vid = _clips_by_vid({uid: clip.vid for uid, clip in clips.items()})
    left_out: Dict[str, List[str]] = dict(
        colliding=[], unknown=[], missing=[], other=[])
    for vid in table:
        if len(by_vid.get(vid, ())) > 1:
            left_out['colliding'].append(f'"{vid}": {", ".join(by_vid[vid])}')
        elif vid not in by_vid:
            kind = 'other' if vid in other_vids else 'unknown'
            left_out[kind].append(f'"{vid}"')
    records = []
    for uid, clip in clips.items():
        frames = table.get(clip.vid)
        if frames is None:
            left_out['missing'].append(f'"{uid}"')
        elif len(by_vid[clip.vid]) == 1:
            left_out['unknown'] += [
                f'frame {frame} of "{uid}", which has {clip.num_frames}'
                for frame in frames if frame >= clip.num_frames
            ]
            left_out['missing'] += [
                f'frame {frame} of "{uid}"'
                for frame in range(clip.num_required) if frame not in frames
            ]
            records += [
                CueRecord(uid, frame, cues, reasoner=IMPORTED)
                for frame, cues in sorted(frames.items())
                if frame < clip.num_frames
            ]
    _refuse(left_out, {*skip, 'other'})
    return VidImport(tuple(records), left_out)


def export_vid_json(records: Iterable[CueRecord],
                    vids: Mapping[str, str],
                    skip: Collection[str] = ()) -> VidExport:
    """Key cues, a record per frame, by the videos (``vids``, by uid) of their
    clips.

    A VidJsonError names all problems, but for the kinds in ``skip``:
    'colliding' (several clips of one video among the records: none of them is
    written) and 'unknown' (clips that ``vids`` lacks); among them each cue
    that the format can't hold, one with a comma, or the word None.
    """
    records = list(records)
    uids = dict.fromkeys(record.uid for record in records)
    by_vid = _clips_by_vid({uid: vids[uid] for uid in uids if uid in vids})
    left_out = dict(
        colliding=[
            f'"{vid}": {", ".join(found)}' for vid, found in by_vid.items()
            if len(found) > 1
        ],
        unknown=[f'"{uid}"' for uid in uids if uid not in vids])
    table: VidTable = {}
    wrong, unserved = [], 0
    for record in records:
        vid = vids.get(record.uid)
        if vid is None or len(by_vid[vid]) > 1:
            continue
        unserved += record.status != 'ok'
        cues = tuple(cue.strip() for cue in record.cues)
        wrong += [
            f'"{cue}", frame {record.frame} of "{record.uid}"' for cue in cues
            if ',' in cue or normalize_phrase(cue) in ('', _PADDING)
        ]
        table.setdefault(vid, {})[record.frame] = cues
    _refuse(dict(left_out, wrong=wrong), skip)
    table = {vid: dict(sorted(table[vid].items())) for vid in sorted(table)}
    return VidExport(table, left_out, unserved)
