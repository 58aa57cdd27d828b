# Copyright (c) mmteso contributors. All rights reserved.
"""Whose sound a clip gets when its own is to be off the screen.

A negative of AVSBench-Robust (arXiv 2502.00358) and of the audio control
table: the sound of another video that has nothing in common with what is
seen, so that a model that listens segments nothing.
"""
import hashlib
import os.path as osp
from typing import (Any, Dict, FrozenSet, Iterable, List, Mapping, NamedTuple,
                    Optional, Sequence, Tuple)

from mmteso.io import CueFile, read_yaml
from .class_synonyms import load_class_synonyms

_FOLDER = osp.join(osp.dirname(__file__), 'groups')
_NONE: FrozenSet[str] = frozenset()


class SoundClip(NamedTuple):
    """What is known about the sound of a clip.

    Attributes:
        uid (str): The clip.
        audio_path (str): Its sound file; '' if there is none.
        a_obj (tuple[str]): Classes that sound in it.
        vid (str): The video that it was cut from; '' if not known.
        unseen_source (bool): Whether something unlabelled sounds in it, too.
    """
    uid: str
    audio_path: str
    a_obj: Tuple[str, ...]
    vid: str = ''
    unseen_source: bool = False

    @property
    def can_lend(self) -> bool:
        """Whether all of its sound is known, so that others may get it."""
        return bool(self.audio_path and self.a_obj) and not self.unseen_source


def read_class_groups(
        name_or_path: str,
        class_names: Iterable[str]) -> Dict[str, FrozenSet[str]]:
    """Read which broad groups each class belongs to; it may be several.

    Args:
        name_or_path (str): 'avsbench' (music, human, animal, device), or a
            YAML file with lists of classes by group.
        class_names (Iterable[str]): Classes that need a group.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is built otherwise, or a class is in no group.
    """
    path = name_or_path
    if path == 'avsbench':
        path = osp.join(_FOLDER, 'avsbench.yaml')
    if not osp.isfile(path):
        raise FileNotFoundError(
            f"There are no groups '{path}': expected 'avsbench' or a YAML "
            'file with lists of classes by group.')
    content = read_yaml(path)
    if not isinstance(content, dict) or not all(
            isinstance(names, list) and all(isinstance(n, str) for n in names)
            for names in content.values()):
        raise ValueError(f'{path} must hold lists of classes by group')
    groups_of = {
        name: frozenset(
            str(group) for group, names in content.items() if name in names)
        for name in class_names
    }
    missing = sorted(name for name, groups in groups_of.items() if not groups)
    if missing:
        raise ValueError(f'{path} has no group for the classes {missing}; it '
                         f'has the groups {list(content)}')
    return groups_of


def classes_of_cues(cue_file: str,
                    class_names: Sequence[str],
                    synonyms: Optional[str] = 'auto'
                    ) -> Dict[str, FrozenSet[str]]:
    """Classes that the cues of a clip's frames name, in any frame, by uid; for
    ``synonyms`` see :func:`load_class_synonyms`."""
    lookup = load_class_synonyms(synonyms, class_names)
    phrases: Dict[str, set] = {}
    for (uid, _), record in CueFile(cue_file, cues_only=True).items():
        phrases.setdefault(uid, set()).update(record.cues)
    known = {
        phrase: lookup.classes_of(phrase)
        for phrase in set().union(*phrases.values())
    }
    return {
        uid: frozenset(name for phrase in found for name in known[phrase])
        for uid, found in phrases.items()
    }


def pair_off_screen(
    clips: Sequence[SoundClip],
    seed: int = 0,
    seen: Optional[Mapping[str, Iterable[str]]] = None,
    groups_of: Optional[Mapping[str, FrozenSet[str]]] = None,
    num_donors: int = 4,
    alike: Sequence[Sequence[str]] = ()
) -> Dict[str, Tuple[SoundClip, ...]]:
    """Choose for each clip others whose sound is foreign to it.

    A donor is cut from another video, all of its sounding classes are
    labelled, and none of them sounds or (as far as ``seen`` tells) is visible
    in the clip, or sounds like one that does (``alike``). With groups no class
    of the donor is in a group of a class that sounds in the clip.

    The choice follows from seed, uid and the set of clips, whatever their
    order; it is the same in every process.

    Args:
        clips (Sequence[SoundClip]): All clips of a test set.
        seed (int): Chooses other donors. Defaults to 0.
        seen (Mapping, optional): Further classes by uid, as cues name them.
        groups_of (Mapping, optional): Groups by class.
        num_donors (int): How many donors at most, best first, so that there
            is another one if a sound can't be used. Defaults to 4.
        alike (Sequence): Lists of classes that sound alike.

    Returns:
        dict[str, tuple[SoundClip]]: Donors by uid, at least one each.

    Raises:
        ValueError: If a clip has no donor.
    """
    seen = seen or {}

    def groups_in(clip):
        return _NONE if groups_of is None else _NONE.union(
            *(groups_of[name] for name in clip.a_obj))

    lenders = sorted(clip for clip in clips if clip.can_lend)
    # many clips have the same classes: look through all lenders once for each
    eligible: Dict[Tuple[FrozenSet[str], FrozenSet[str]], list] = {}
    donors = {}
    for clip in clips:
        classes = frozenset(clip.a_obj).union(seen.get(clip.uid, ()))
        classes = classes.union(*(names for names in alike
                                  if not classes.isdisjoint(names)))
        groups = groups_in(clip)
        if (classes, groups) not in eligible:
            eligible[classes, groups] = [
                lender for lender in lenders
                if classes.isdisjoint(lender.a_obj)
                and groups.isdisjoint(groups_in(lender))
            ]
        donors[clip.uid] = _choose([
            lender for lender in eligible[classes, groups]
            if lender.uid != clip.uid and (not clip.vid
                                           or lender.vid != clip.vid)
        ], f'{seed}/{clip.uid}', num_donors)
        if not donors[clip.uid]:
            raise ValueError(
                f'no other clip can lend "{clip.uid}" a sound that is off its '
                f'screen: it shows or sounds like {sorted(classes)}' +
                (f', of the groups {sorted(groups)}' if groups else '') +
                f', and of the {len(clips)} clips {len(lenders)} have a sound '
                'of known classes, none of other classes and another video. '
                'Use a larger set, no groups, or leave out the condition '
                '"off-screen"')
    return donors


def _choose(lenders: List[SoundClip], key: str,
            number: int) -> Tuple[SoundClip, ...]:
    """Draw without replacement; hash() differs from process to process."""
    chosen = []
    while lenders and len(chosen) < number:
        digest = hashlib.sha256(f'{len(chosen)}/{key}'.encode()).digest()
        place = int.from_bytes(digest, 'little') % len(lenders)
        chosen.append(lenders.pop(place))
    return tuple(chosen)


def off_screen_table(
        frames: Iterable[Mapping[str, Any]],
        class_names: Optional[Sequence[str]],
        seed: int = 0,
        groups: Optional[str] = None,
        cue_file: Optional[str] = None,
        synonyms: Optional[str] = 'auto',
        sound_alikes: Sequence[Sequence[str]] = ()
) -> Dict[str, List[dict]]:
    """Donors for the frames of a data set.

    Args:
        frames (Iterable[dict]): Samples with ``uid`` and ``a_obj``, and where
            known ``audio_path``, ``vid`` and ``unseen_source``.
        class_names (Sequence[str], optional): All classes, background first;
            None if the data set knows none.
        seed (int): See :func:`pair_off_screen`. Defaults to 0.
        groups (str, optional): See :func:`read_class_groups`. AVSBench-Robust
            takes the sound from another group than the clip's own. Defaults
            to None: another class will do.
        cue_file (str, optional): Cues say what is visible and silent, whose
            sound would not be foreign either. Defaults to None.
        synonyms (str, optional): See :func:`load_class_synonyms`. Defaults to
            'auto'.
        sound_alikes (Sequence): Lists of classes that sound alike.

    Returns:
        dict[str, list[dict]]: By uid the donors, best first, each with
        ``uid``, ``audio_path`` and ``a_obj``.

    Raises:
        ValueError: If the data set has no classes or no sound files, or a
            clip has no donor.
    """
    clips = {}
    for frame in frames:
        clips[frame['uid']] = SoundClip(
            frame['uid'],
            frame.get('audio_path') or '', tuple(frame['a_obj']),
            frame.get('vid') or '', bool(frame.get('unseen_source')))
    clips = list(clips.values())
    if not any(clip.can_lend for clip in clips):
        what = 'sound files' if any(clip.a_obj for clip in clips) else \
            'classes (a_obj)'
        raise ValueError(
            f'off-screen sound needs to know what sounds in each clip, but '
            f'this data set of {len(clips)} clips has no {what}. MS3 of the '
            'AVSBench-object release has none: use v1m of the '
            'AVSBench-semantic release, the same videos')
    unknown = {name for names in sound_alikes for name in names}.difference(
        class_names or ())
    if unknown:
        raise ValueError(f'metainfo.sound_alikes names {sorted(unknown)}, '
                         f'which are none of the classes {class_names}')
    groups_of = None if groups is None else read_class_groups(
        groups, {name for clip in clips for name in clip.a_obj})
    seen = None if cue_file is None else classes_of_cues(
        cue_file, class_names, synonyms)
    donors = pair_off_screen(clips, seed, seen, groups_of, alike=sound_alikes)
    return {
        uid: [
            dict(uid=donor.uid, audio_path=donor.audio_path, a_obj=donor.a_obj)
            for donor in chosen
        ]
        for uid, chosen in donors.items()
    }
