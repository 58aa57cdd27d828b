# Copyright (c) mmteso contributors. All rights reserved.
"""Which classes a cue means: 'guy' is a man, a 'person' one of five classes.

A language model writes what it calls a thing, not what a data set calls it.
Tables of words are data files in ``synonyms/``.
"""
import functools
import os.path as osp
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import msgspec

from mmteso.io import normalize_phrase, read_yaml
from .avsbench_meta import AVSBENCH_CLASSES


class SynonymError(ValueError):
    """A table of synonyms that contradicts itself or the class set."""


class SynonymTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a file of synonyms says."""
    words: Dict[str, List[str]] = {}  # by class, the words for it alone
    several: Dict[str, List[str]] = {}  # by word, its classes
    # phrases that end like a word of a class and name another thing
    none: List[str] = []


def read_word_lists(name_or_path: str, kind: str, form: Any) -> Any:
    """Read a YAML file, or 'avsbench' of the package's folder ``kind``, as a
    type that msgspec knows."""
    path = name_or_path
    if name_or_path == 'avsbench':
        path = osp.join(osp.dirname(__file__), kind, 'avsbench.yaml')
    if not osp.isfile(path):
        raise FileNotFoundError(f"There are no {kind} '{path}': expected "
                                "'avsbench' or a YAML file.")
    content = read_yaml(path)
    if form is SynonymTable and isinstance(content, dict):
        # a key with nothing behind it
        content = {k: v for k, v in content.items() if v is not None}
    try:
        return msgspec.convert(content, form)
    except msgspec.ValidationError as error:
        raise ValueError(
            f'{path} holds no {kind}: {error}. It has to look like mmteso/'
            f'datasets/{kind}/avsbench.yaml (YAML reads yes, no, on and off '
            'as words only in quotes).') from error


def read_synonyms(name_or_path: str) -> SynonymTable:
    """Read a table of synonyms, which is checked when it meets a class set:
    'avsbench', or a YAML file with the keys ``words`` and, where needed,
    ``several`` and ``none`` (a SynonymError if it is built otherwise)."""
    try:
        return read_word_lists(name_or_path, 'synonyms', SynonymTable)
    except ValueError as error:
        raise SynonymError(str(error)) from error


def _forms(phrase: str) -> Iterator[str]:
    """A phrase, then what it may be the plural of, non-words among them."""
    yield phrase
    for plural, singular in (('ies', 'y'), ('ves', 'f'), ('ves', 'fe'),
                             ('es', ''), ('s', ''), ('men', 'man')):
        if phrase.endswith(plural):
            yield phrase.removesuffix(plural) + singular


class ClassSynonyms:
    """Looks up which classes of a data set a phrase means.

    A class's own name means this class alone. Names are compared as
    :func:`mmteso.io.normalize_phrase` writes them.

    Args:
        class_names (Sequence[str]): All classes, background first (which no
            phrase means).
        table (SynonymTable, optional): Other words; plurals mean what the
            singular does. Defaults to None: the classes' names exactly.
        head_noun (bool): With a table, whether a phrase that is not known
            means what its last words do, the longest known ones, as the noun
            at the end is what an English phrase names: 'old acoustic guitar'
            is a guitar, 'big fire truck' a fire truck. Phrases that end so
            and name another thing are listed in the table (``none``).
            Defaults to True.

    Raises:
        SynonymError: If the table names a class that isn't there, means two
            things by one phrase, or gives a class's name to another class.
    """

    def __init__(self,
                 class_names: Sequence[str],
                 table: Optional[SynonymTable] = None,
                 head_noun: bool = True) -> None:
        self.class_names = tuple(class_names)
        self._exact = table is None
        self._head_noun = head_noun
        own = {normalize_phrase(name): name for name in self.class_names[1:]}
        self._meanings: Dict[str, Tuple[str, ...]] = {
            phrase: (name, )
            for phrase, name in own.items()
        }
        table = table or SynonymTable({})
        entries = [(word, [name]) for name, words in table.words.items()
                   for word in words]
        entries += [*table.several.items(),
                    *((phrase, []) for phrase in table.none)]
        named = [*table.words, *sum(map(list, table.several.values()), [])]
        for name in named:
            if normalize_phrase(name) not in own:
                raise SynonymError(
                    f'the synonyms name the class {name!r}, which the class '
                    f'set lacks. It has {list(self.class_names[1:])}.')
        for word, names in table.several.items():
            if len(names) < 2:
                raise SynonymError(
                    f"'several' gives {word!r} the classes {names}; expected "
                    "two or more, a word for one class stands in 'words'.")
        for phrase, names in entries:
            key = normalize_phrase(phrase)
            classes = {own[normalize_phrase(name)] for name in names}
            if not key or key in self._meanings:
                raise SynonymError(
                    f'the synonyms give {phrase!r} the meaning '
                    f'{sorted(classes) or "none"}, but it is empty or means '
                    f'{list(self._meanings.get(key, ())) or "none"} already.\n'
                    "A word of several classes stands in 'several', once; a "
                    "class's name means this class alone.")
            self._meanings[key] = tuple(
                name for name in self.class_names[1:] if name in classes)

    def classes_of(self, phrase: str) -> Tuple[str, ...]:
        """Names of the classes that a phrase means, in the order of the class
        set; none if it means none of them."""
        phrase = normalize_phrase(phrase)
        if self._exact:
            return self._meanings.get(phrase, ())
        words = phrase.split()
        for start in range(len(words) if self._head_noun else 1):
            for form in _forms(' '.join(words[start:])):
                if form in self._meanings:
                    return self._meanings[form]
        return ()


def check_synonyms(synonyms: Optional[str]) -> None:
    """Read a table, so that a wrong one is known before it is needed."""
    if synonyms not in (None, 'auto'):
        read_synonyms(synonyms)


def choose_synonyms(synonyms: Optional[str],
                    class_names: Sequence[str]) -> Optional[str]:
    """The table that 'auto' means for a class set: the package's for
    AVSBench's classes, else None. Other tables stay."""
    if synonyms != 'auto':
        return synonyms
    return 'avsbench' if tuple(class_names) == AVSBENCH_CLASSES else None


def load_class_synonyms(synonyms: Optional[str],
                        class_names: Sequence[str],
                        head_noun: bool = True) -> ClassSynonyms:
    """The lookup for a class set, background first; read once per process.

    ``synonyms`` is 'auto', AVSBench's table for AVSBench's classes, else None;
    'avsbench' or a file of your own, see :func:`read_synonyms`; or None: a
    phrase means a class if both are equal up to case and separators.
    """
    return _load(
        choose_synonyms(synonyms, class_names), tuple(class_names), head_noun)


@functools.lru_cache(maxsize=8)
def _load(synonyms: Optional[str], class_names: Tuple[str, ...],
          head_noun: bool) -> ClassSynonyms:
    table = None if synonyms is None else read_synonyms(synonyms)
    try:
        return ClassSynonyms(class_names, table, head_noun)
    except SynonymError as error:
        raise SynonymError(f'synonyms={synonyms!r}: {error}') from error
