# Copyright (c) mmteso contributors. All rights reserved.
"""Zero-shot and few-shot lists for SynthAVS, in AVS-V3's format."""
import os
import os.path as osp
from typing import Dict, Sequence

import numpy as np
import pandas as pd
from PIL import Image

from mmteso.datasets.avsbench_meta import parse_a_obj
from ..layout import SUBSET
from .files import read_manifest
from .generator import VARIANTS

SHOTS = (1, 3, 5)
#: Share of the seen clips that validate: 535 of 5,342 in AVS-V3.
VAL_SHARE = 0.1


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

    def visible(uid):
        paths = (
            osp.join(root, SUBSET, uid, 'labels_visible', f'{frame}.png')
            for frame in range(arguments['frames']))
        return {names[i] for path in paths for i in np.unique(_read(path))}

    clips = pd.read_csv(
        osp.join(root, 'metadata.csv'), dtype=str, keep_default_na=False)
    held_out = set(unseen)
    sounding = clips.a_obj.map(lambda text: set(parse_a_obj(text, names)))
    seen_clips = clips[clips.uid.map(visible).map(held_out.isdisjoint)]
    unseen_clips = clips[sounding.map(
        lambda heard: bool(heard) and heard <= held_out)]
    number_val = round(VAL_SHARE * len(seen_clips))
    if not number_val:
        raise ValueError(f'only {len(seen_clips)} clips show none of '
                         f'{list(unseen)}: generate more videos')
    rng = np.random.default_rng(seed)
    validating = np.isin(
        np.arange(len(seen_clips)),
        rng.permutation(len(seen_clips))[:number_val])
    lists = {
        'meta_v3_seen.csv': seen_clips,
        'meta_v3_seen_train.csv': seen_clips[~validating],
        'meta_v3_seen_val.csv': seen_clips[validating],
        'meta_v3_unseen.csv': unseen_clips
    }
    # by class the clips in which it alone sounds, as they are taken: one shot
    # is the first of three
    shots = []
    for name in unseen:
        alone = unseen_clips.index[[sounding[i] == {name}
                                    for i in unseen_clips.index]]
        if len(alone) < max(SHOTS):
            raise ValueError(
                f'only {len(alone)} unseen clips in which {name!r} alone '
                f'sounds, {max(SHOTS)} are needed: generate more videos')
        shots.append(rng.permutation(alone))
    for number in SHOTS:
        training = unseen_clips.index.isin(
            [index for order in shots for index in order[:number]])
        if training.all():
            raise ValueError(f'no clip is left to test {number} shots '
                             'on: generate more videos')
        lists[f'v3_{number}_shot/train.csv'] = unseen_clips[training]
        lists[f'v3_{number}_shot/test.csv'] = unseen_clips[~training]
    for path, chosen in lists.items():
        split = path.removesuffix('.csv').removeprefix('meta_v3_')
        path = osp.join(folder, path)
        os.makedirs(osp.dirname(path), exist_ok=True)
        chosen.assign(split=split.replace('/', '_')).to_csv(
            path, index=False, lineterminator='\n')
    return {path: len(chosen) for path, chosen in lists.items()}


def _read(path: str) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)
