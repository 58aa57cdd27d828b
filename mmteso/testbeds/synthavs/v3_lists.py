# Copyright (c) mmteso contributors. All rights reserved.
"""Zero-shot and few-shot lists for SynthAVS, in AVS-V3's format."""
import csv
import os
import os.path as osp
from typing import Dict, FrozenSet, List, NamedTuple, Sequence, Set

import numpy as np
from PIL import Image

from mmteso.datasets.avsbench_meta import parse_a_obj
from ..layout import SUBSET
from .files import read_manifest
from .generator import VARIANTS

SHOTS = (1, 3, 5)
#: Share of the seen clips that validate: 535 of 5,342 in AVS-V3.
VAL_SHARE = 0.1


class _Clip(NamedTuple):
    row: Dict[str, str]
    sounding: FrozenSet[str]
    visible: FrozenSet[str]


def _read_clips(root: str, class_names: Sequence[str],
                frames: int) -> List[_Clip]:
    """Clips of all splits, with what sounds and what is visible in them."""
    with open(osp.join(root, 'metadata.csv'), encoding='utf-8',
              newline='') as file:
        rows = list(csv.DictReader(file))
    clips = []
    for row in rows:
        visible: Set[str] = set()
        for frame in range(frames):
            path = osp.join(root, SUBSET, row['uid'], 'labels_visible',
                            f'{frame}.png')
            with Image.open(path) as image:
                labels = np.unique(np.asarray(image))
            visible.update(class_names[label] for label in labels if label)
        clips.append(
            _Clip(row, frozenset(parse_a_obj(row['a_obj'], class_names)),
                  frozenset(visible)))
    return clips


def _choose_shots(clips: List[_Clip], unseen: Sequence[str],
                  rng: np.random.Generator) -> Dict[str, List[str]]:
    """For each unseen class the clips in which it alone sounds, in the order
    in which they are taken: one shot is the first of three."""
    chosen = {}
    for name in unseen:
        alone = [clip.row['uid'] for clip in clips if clip.sounding == {name}]
        if len(alone) < max(SHOTS):
            raise ValueError(
                f'only {len(alone)} unseen clips in which {name!r} alone '
                f'sounds, {max(SHOTS)} are needed: generate more videos')
        chosen[name] = [alone[i] for i in rng.permutation(len(alone))]
    return chosen


def write_v3_lists(root: str,
                   unseen: Sequence[str],
                   list_dir: str = 'v3',
                   seed: int = 0,
                   overwrite: bool = False) -> Dict[str, int]:
    """Write the lists that :class:`AVSBenchV3Dataset` reads.

    All of a SynthAVS's clips, of whichever split, are dealt anew, as AVS-V3
    did with AVSBench's:

    * *seen*: no unseen class is even visible (stricter than AVS-V3, which
      looks at what sounds); a tenth of them validates.
    * *unseen*: something sounds, and all of it is of unseen classes.
    * k-shot: k unseen clips for each unseen class, in which it alone sounds,
      to train on; all other unseen clips to test on. The clips of fewer shots
      are among those of more.

    The remaining clips, which mix both kinds, are in no list.

    Args:
        root (str): The SynthAVS.
        unseen (Sequence[str]): Classes to hold out.
        list_dir (str): Folder to write to, relative to ``root`` or absolute.
            Defaults to 'v3'.
        seed (int): Seed of what is drawn. Defaults to 0.
        overwrite (bool): Whether to replace lists that are there. Defaults
            to False.

    Returns:
        dict[str, int]: Number of clips by list.

    Raises:
        FileNotFoundError: ``root`` holds no SynthAVS.
        FileExistsError: There are lists already, and ``overwrite`` is False.
        ValueError: A class is unknown or given twice, or the clips don't
            suffice.
    """
    manifest = read_manifest(root)
    if not manifest['complete']:
        raise ValueError(f'{root} is incomplete; generate it again')
    arguments = manifest['arguments']
    names = VARIANTS[arguments.get('variant', 'easy')].classes
    unknown = [name for name in unseen if name not in names[1:]]
    if not unseen or unknown or len(set(unseen)) < len(unseen):
        raise ValueError('unseen must be different ones of '
                         f'{list(names[1:])}, but got {list(unseen)}')
    folder = osp.join(root, list_dir)
    if osp.isdir(folder) and os.listdir(folder) and not overwrite:
        raise FileExistsError(f'{folder} is not empty; replace its lists '
                              'with overwrite=True (--overwrite)')

    clips = _read_clips(root, names, arguments['frames'])
    held_out = frozenset(unseen)
    seen_clips = [clip for clip in clips if not clip.visible & held_out]
    unseen_clips = [
        clip for clip in clips if clip.sounding and clip.sounding <= held_out
    ]
    number_val = round(VAL_SHARE * len(seen_clips))
    if not number_val:
        raise ValueError(f'only {len(seen_clips)} clips show none of '
                         f'{list(unseen)}: generate more videos')
    rng = np.random.default_rng(seed)
    validating = set(
        rng.permutation(len(seen_clips))[:number_val].tolist())
    shots = _choose_shots(unseen_clips, unseen, rng)

    lists = dict(seen=seen_clips, seen_train=[], seen_val=[],
                 unseen=unseen_clips)
    for index, clip in enumerate(seen_clips):
        lists['seen_val' if index in validating else 'seen_train'].append(clip)
    for number in SHOTS:
        train = {uid for uids in shots.values() for uid in uids[:number]}
        for split in ('train', 'test'):
            lists[f'v3_{number}_shot_{split}'] = [
                clip for clip in unseen_clips
                if (clip.row['uid'] in train) == (split == 'train')
            ]
            if not lists[f'v3_{number}_shot_{split}']:
                raise ValueError(f'no clip is left to test {number} shots '
                                 'on: generate more videos')
    counts = {}
    for word, chosen in lists.items():
        path = f'meta_v3_{word}.csv'
        if word.startswith('v3_'):
            path = f'{word.replace("_shot_", "_shot/")}.csv'
        counts[path] = len(chosen)
        path = osp.join(folder, path)
        os.makedirs(osp.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8', newline='') as file:
            writer = csv.DictWriter(file, clips[0].row, lineterminator='\n')
            writer.writeheader()
            writer.writerows({**clip.row, 'split': word} for clip in chosen)
    return counts
