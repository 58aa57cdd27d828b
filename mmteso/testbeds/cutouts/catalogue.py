# Copyright (c) mmteso contributors. All rights reserved.
"""Which pictures and recordings make which class: names of files alone.

``catalogue.csv`` lists those of Debian's ``tuxpaint-stamps-default``,
``mate-backgrounds`` and ``lomiri-wallpapers-16.04``, and how each was judged:
pictures by eye on contact sheets (photographic cutouts of 90 pixels or more),
recordings by duration, level, spectrogram and likeness to one another. Its
columns:

* ``role``: *known* (sounds, in every split), *unseen* (sounds, in
  ``test_unseen`` only), *mute* (could sound and is named by cues, but has no
  recording), *still* (makes no sound of its own; no cue names it),
  *background* (a split's photographs), *left-out* (a recording that is not
  used, and why; without those whose names end in ``_desc``, cartoons and
  ``symbols/``, which are speech and drawings).
* ``name``: the class, or a background's split.
* ``pictures``, ``sounds``: paths below the folder of the stamps without
  ``.png`` and ``.ogg``, of backgrounds below theirs as they are, with blanks
  between them. All but the first are for ``test_exemplar``.
* ``relatives``: of an unseen class the known ones that it resembles.
* ``judged``: what was seen and heard.
"""
import csv
import os.path as osp
from dataclasses import dataclass
from typing import Dict, List, Mapping, Optional, Tuple

from ..quotas import BACKGROUND

CATALOGUE = osp.join(osp.dirname(__file__), 'catalogue.csv')

#: Roles of objects, in the order of their class indices.
ROLES = ('known', 'unseen', 'mute', 'still')

#: Splits that have photographs of their own; the others take test's.
BACKGROUND_SPLITS = ('train', 'val', 'test')

_COLUMNS = ['role', 'name', 'pictures', 'sounds', 'relatives', 'judged']


@dataclass(frozen=True)
class Entry:
    """A class: its files, the usual one first, and the notes on it."""
    name: str
    role: str
    pictures: Tuple[str, ...]
    sounds: Tuple[str, ...] = ()
    relatives: Tuple[str, ...] = ()
    judged: str = ''

    @property
    def sounding(self) -> bool:
        """Whether it ever sounds."""
        return self.role in ('known', 'unseen')

    @property
    def cue(self) -> Optional[str]:
        """The words of a cue that names it; None of what can't sound."""
        return None if self.role == 'still' else self.name.replace('-', ' ')

    @property
    def has_other(self) -> bool:
        """Whether it has a second picture or recording."""
        return len(self.pictures) > 1 or len(self.sounds) > 1


@dataclass(frozen=True)
class Catalogue:
    """All classes by name, photographs by split, recordings left out."""
    entries: Mapping[str, Entry]
    backgrounds: Mapping[str, Tuple[str, ...]]
    left_out: Mapping[str, str]

    @property
    def classes(self) -> Tuple[str, ...]:
        """Class names in index order, background first."""
        return (BACKGROUND, *self.entries)

    def of_roles(self, *roles: str) -> List[Entry]:
        """The classes of some roles, in index order."""
        return [e for e in self.entries.values() if e.role in roles]

    @property
    def train_priors(self) -> Dict[str, float]:
        """The segmentation preference: with which probability a visible
        object of a known class sounds in a second of the training split. Of
        every two neighbours in the list one is preferred."""
        return {
            entry.name: (0.8, 0.3)[index % 2]
            for index, entry in enumerate(self.of_roles('known'))
        }


def read_catalogue(path: str = CATALOGUE) -> Catalogue:
    """Read a list of classes, as described above, by default the package's
    own; a ValueError if the file is none."""
    entries, backgrounds, left_out = {}, {}, {}
    with open(path, encoding='utf-8', newline='') as file:
        rows = csv.DictReader(file)
        if rows.fieldnames != _COLUMNS:
            raise ValueError(f'{path} must have the columns {_COLUMNS}, but '
                             f'has {rows.fieldnames}')
        for row in rows:
            role, name, judged = row['role'], row['name'], row['judged']
            pictures, sounds, relatives = (
                tuple(row[key].split()) for key in _COLUMNS[2:5])
            if role == 'background':
                backgrounds[name] = pictures
            elif role == 'left-out':
                left_out.update(dict.fromkeys(sounds, judged))
            else:
                if role not in ROLES or not pictures or '_' in name or \
                        name in (*entries, BACKGROUND) or \
                        bool(sounds) != (role in ROLES[:2]):
                    raise ValueError(
                        f'{path}: the class {name!r} must be listed once, '
                        f"without '_', with a role of {ROLES} and a picture, "
                        'and a sound if it is known or unseen')
                entries[name] = Entry(name, role, pictures, sounds, relatives,
                                      judged)
    ordered = sorted(entries.values(), key=lambda e: ROLES.index(e.role))
    found = Catalogue({e.name: e for e in ordered}, backgrounds, left_out)
    known = found.of_roles('known')
    strangers = {
        relative for e in ordered for relative in e.relatives
    }.difference(e.name for e in known)
    missing = [s for s in BACKGROUND_SPLITS if not backgrounds.get(s)]
    if strangers or missing or not found.of_roles('unseen') or not any(
            e.has_other for e in known):
        raise ValueError(
            f'{path} must have backgrounds for {BACKGROUND_SPLITS}, an unseen '
            'class, a known one with a second picture or sound, and relatives '
            f'that are known, not {sorted(strangers)}')
    return found
