# Copyright (c) mmteso contributors. All rights reserved.
"""Whose sound a clip gets when its own is to be off the screen.

A negative of AVSBench-Robust (arXiv 2502.00358) and of the audio control
table: the sound of another video that has nothing in common with what is
seen, so that a model that listens segments nothing.
"""
import functools
import hashlib
from collections import defaultdict
from typing import (Any, Dict, FrozenSet, Iterable, List, Mapping, Optional,
                    Sequence, Set)

from mmteso.io import CueFile
from .class_synonyms import load_class_synonyms, read_word_lists


def read_class_groups(
        name_or_path: str,
        class_names: Iterable[str]) -> Dict[str, FrozenSet[str]]:
    """Read which broad groups each class belongs to; it may be several.

    From 'avsbench' (music, human, animal, device), or a YAML file with lists
    of classes by group; a ValueError if a class has none.
    """
    groups = read_word_lists(name_or_path, 'groups', Dict[str, List[str]])
    groups_of = {
        name: frozenset(
            group for group, names in groups.items() if name in names)
        for name in class_names
    }
    missing = sorted(name for name, found in groups_of.items() if not found)
    if missing:
        raise ValueError(f'{name_or_path} has no group for the classes '
                         f'{missing}; it has the groups {list(groups)}')
    return groups_of


def classes_of_cues(cue_file: str, class_names: Sequence[str],
                    synonyms: Optional[str]) -> Dict[str, Set[str]]:
    """Classes that the cues of a clip's frames name, in any frame, by uid; for
    ``synonyms`` see :func:`load_class_synonyms`."""
    classes_of = functools.cache(
        load_class_synonyms(synonyms, class_names).classes_of)
    named: Dict[str, Set[str]] = defaultdict(set)
    for (uid, _), record in CueFile(cue_file, cues_only=True).items():
        named[uid].update(*map(classes_of, record.cues))
    return named


def off_screen_table(frames: Iterable[Mapping[str, Any]],
                     class_names: Optional[Sequence[str]],
                     seed: int = 0,
                     groups: Optional[str] = None,
                     cue_file: Optional[str] = None,
                     synonyms: Optional[str] = 'auto',
                     sound_alikes: Sequence[Sequence[str]] = (),
                     num_donors: int = 4) -> Dict[str, List[dict]]:
    """Choose for each clip of a data set others whose sound is foreign to it.

    A donor is cut from another video, all of its sounding classes are
    labelled, and none of them sounds or (as far as cues tell) is visible in
    the clip, or sounds like one that does. With groups no class of the donor
    is in a group of a class that sounds in the clip, as AVSBench-Robust has
    it; without, another class will do.

    The choice follows from seed, uid and the set of clips, whatever their
    order; it is the same in every process.

    Args:
        frames (Iterable[dict]): Samples with ``uid`` and ``a_obj``, and where
            known ``audio_path``, ``vid`` and ``unseen_source`` (whether
            something unlabelled sounds, too).
        class_names (Sequence[str], optional): All classes, background first;
            None if the data set knows none.
        seed (int): Chooses other donors. Defaults to 0.
        groups (str, optional): See :func:`read_class_groups`. Defaults to
            None.
        cue_file (str, optional): Cues say what is visible and silent.
            Defaults to None.
        synonyms (str, optional): See :func:`load_class_synonyms`. Defaults to
            'auto'.
        sound_alikes (Sequence): Lists of classes that sound alike.
        num_donors (int): How many donors at most, best first. Defaults to 4.

    Returns:
        dict[str, list[dict]]: By uid the donors, at least one each, with
        ``uid``, ``audio_path`` and ``a_obj``. A ValueError if the data set
        has no classes or no sound files, or a clip has no donor.
    """
    clips = {frame['uid']: frame for frame in frames}
    lenders = [
        clip for _, clip in sorted(clips.items()) if clip.get('audio_path')
        and clip['a_obj'] and not clip.get('unseen_source')
    ]
    if not lenders:
        what = 'sound files' if any(
            clip['a_obj'] for clip in clips.values()) else 'classes (a_obj)'
        raise ValueError(
            f'off-screen sound needs to know what sounds in each clip, but '
            f'this data set of {len(clips)} clips has no {what}. MS3 of the '
            'AVSBench-object release has none: use v1m of the '
            'AVSBench-semantic release, the same videos')
    unknown = set().union(*sound_alikes).difference(class_names or ())
    if unknown:
        raise ValueError(f'metainfo.sound_alikes names {sorted(unknown)}, '
                         f'which are none of the classes {class_names}')
    groups_of = read_class_groups(
        groups, set().union(*(clip['a_obj'] for clip in clips.values()))
    ) if groups else {}
    seen = classes_of_cues(cue_file, class_names, synonyms) if cue_file else {}

    def groups_in(clip):
        return frozenset().union(*(groups_of.get(name, ())
                                   for name in clip['a_obj']))

    # many clips have the same classes
    @functools.cache
    def foreign_to(classes, groups):
        return [
            lender for lender in lenders if classes.isdisjoint(lender['a_obj'])
            and groups.isdisjoint(groups_in(lender))
        ]

    donors = {}
    for uid, clip in clips.items():
        classes = frozenset(clip['a_obj']).union(seen.get(uid, ()))
        classes = classes.union(*(names for names in sound_alikes
                                  if not classes.isdisjoint(names)))
        own = groups_in(clip)
        donors[uid] = [
            {key: lender[key] for key in ('uid', 'audio_path', 'a_obj')}
            for lender in _choose([
                lender for lender in foreign_to(classes, own)
                if not clip.get('vid') or lender.get('vid') != clip['vid']
            ], f'{seed}/{uid}', num_donors)
        ]
        if not donors[uid]:
            raise ValueError(
                f'no other clip can lend "{uid}" a sound that is off its '
                f'screen: it shows or sounds like {sorted(classes)}' +
                (f', of the groups {sorted(own)}' if own else '') +
                f', and of the {len(clips)} clips {len(lenders)} have a sound '
                'of known classes, none of other classes and another video. '
                'Use a larger set, no groups, or leave out the condition '
                '"off-screen"')
    return donors


def _choose(lenders: List[Any], key: str, number: int) -> List[Any]:
    """Draw without replacement; hash() differs from process to process."""
    chosen: List[Any] = []
    while lenders and len(chosen) < number:
        digest = hashlib.sha256(f'{len(chosen)}/{key}'.encode()).digest()
        place = int.from_bytes(digest, 'little') % len(lenders)
        chosen.append(lenders.pop(place))
    return chosen
