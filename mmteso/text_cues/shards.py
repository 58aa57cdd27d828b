# Copyright (c) mmteso contributors. All rights reserved.
"""Sharing the work between processes, each with a file of its own."""
import glob
import os
import re
from typing import Dict, List, Optional, Sequence, Tuple

from mmteso.io.cue_writer import read_resumable
from .structures import Frame

#: A shard's index, from 0, and the number of shards.
Shard = Tuple[int, int]


def take_shard(frames: Sequence[Frame], index: int, count: int
               ) -> List[Frame]:
    """The frames of one of several processes that share the work.

    Clips are dealt out in turn, so that a clip is never split and each shard
    gets its part of each subset.

    Args:
        frames (Sequence[Frame]): All frames.
        index (int): The shard, from 0.
        count (int): Number of shards.

    Returns:
        list[Frame]: The shard's frames, in their order.

    Raises:
        ValueError: If there is no such shard.
    """
    if not 0 <= index < count:
        raise ValueError(f'shard {index} of {count} does not exist: shards '
                         f'are counted from 0 to {max(count - 1, 0)}')
    clips: Dict[str, int] = {}
    return [
        frame for frame in frames
        if clips.setdefault(frame.uid, len(clips)) % count == index
    ]


def shard_path(path: str, shard: Optional[Shard]) -> str:
    """Name of a shard's own file.

    Args:
        path (str): The cue file of the whole, e.g. 'cues.jsonl'.
        shard (tuple[int, int], optional): The shard; None for the whole.

    Returns:
        str: E.g. 'cues.shard-0-of-8.jsonl'.
    """
    if shard is None:
        return path
    stem, suffix = os.path.splitext(path)
    return f'{stem}.shard-{shard[0]}-of-{shard[1]}{suffix}'


def other_parts(path: str, shard: Optional[Shard]) -> List[str]:
    """Files that an earlier run with another number of shards left.

    Args:
        path (str): The cue file of the whole.
        shard (tuple[int, int], optional): This process's shard.

    Returns:
        list[str]: The whole's file and the shards' files that exist. Those
        of the same number of shards are left out: their frames are others.
    """
    stem, suffix = os.path.splitext(path)
    found = [] if shard is None else [path]
    for name in sorted(
            glob.glob(f'{glob.escape(stem)}.shard-*{glob.escape(suffix)}')):
        match = re.fullmatch(r'\.shard-\d+-of-(\d+)',
                             name[len(stem):len(name) - len(suffix)])
        if match and (shard is None or int(match.group(1)) != shard[1]):
            found.append(name)
    return [name for name in found if os.path.exists(name)]


def frames_done_elsewhere(paths: Sequence[str], origin: dict,
                          retry_failed: bool) -> Dict[Tuple[str, int], str]:
    """Frames that other files hold already.

    Args:
        paths (Sequence[str]): The files: see :func:`other_parts`.
        origin (dict): What the records must say of the models and prompts
            that made them; other records don't count.
        retry_failed (bool): Whether failed frames don't count.

    Returns:
        dict: File by (uid, frame).
    """
    done = {}
    for path in paths:
        for record in read_resumable(path)[0]:
            if all(getattr(record, key) == value
                   for key, value in origin.items()) and not (
                       retry_failed and record.status == 'failed'):
                done[record.uid, record.frame] = path
    return done
