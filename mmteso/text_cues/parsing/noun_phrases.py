# Copyright (c) mmteso contributors. All rights reserved.
"""Last steps of the parser: a list into items, items into noun phrases."""
import re
from typing import Iterable, List, NamedTuple, Tuple

from mmteso.io import normalize_phrase
from . import english
from .denials import find_denial
from .plurals import singular

#: Longest phrase that is taken for the name of an object.
MAX_WORDS = 4
#: Of a list, so many items are read; a runaway one has thousands.
MAX_ITEMS = 32
_MAX_PARTS = 8 * MAX_ITEMS
_MAX_CHARS = 48

# Stands for a remark in brackets; no text that gets here holds it.
_REMARK = '\ue000'
_IN_BRACKETS = re.compile(r'\([^()]*\)?')
# So much of an explanation may have to be looked at.
_MAX_NOTE = 200
_BRACKETS = {'(': ')', '[': ']', '{': '}'}
# Also emoji and whatever else is no part of a name.
_SEPARATOR = re.compile(
    r'[^\w\s\'".()\[\]{}:=%$!?\-\ue000]|\n'
    r'|\s(?:and/or|and|or|as well as|along with|plus)(?=\s)', re.I)
_SUCH_AS = re.compile(r',?\s(?:such as|like|including|e\.g\.,?)(?=\s)', re.I)
_ENUMERATOR = re.compile(r'(?:^|(?<=\s))\(?\d{1,2}[.)](?=\s|$|[^\W\d])')
_IN_NO_NAME = english.NEVER | english.NOTHING
_OF_OWNER = english.HEARD_BY | english.LOUD_PARTS | english.BEHIND
_FUNCTION_WORDS = english.BEHIND | english.BEFORE
# Between a name and what is said about it.
_EXPLAINED = re.compile(
    r'[:=]|\s-+(?=\s)|\s(?:because|since|which|who|whose|that|'
    r'as (?:it|they|he|she|the))(?=\s)', re.I)
_NEGATED = re.compile(
    r"\W*(?:no|not|non|none|never|false|silent|mute)\b"
    r"|.*?\b(?:cannot|can't|can not|doesn't|does not|don't|do not|isn't|"
    r"is not|aren't|are not|unlikely|impossible|silent|inaudible)\b",
    re.I | re.S)
# With the apostrophe of "dogs'".
_WORD = re.compile(r"[^\W_]+(?:['\-][^\W_]+)*(?:(?<=s)')?")
_OWNER_END = re.compile("'s?$")
_LATIN = re.compile(r'[a-z0-9\u00c0-\u024f ]+')


class Items(NamedTuple):
    """What a list holds.

    Attributes:
        phrases (tuple[str]): The noun phrases, each once.
        rejected (int): How many items can't be noun phrases.
        absent (bool): Whether an item says that there is nothing.
    """
    phrases: Tuple[str, ...] = ()
    rejected: int = 0
    absent: bool = False

    @property
    def is_list(self) -> bool:
        """Whether it is a list of names, and not a piece of prose."""
        return bool(self.phrases) and len(self.phrases) >= self.rejected


def _strip_before(words: List[str]) -> List[str]:
    """Without what stands before a name: 'two of the big dogs'."""
    start = 0
    while start < len(words):
        # 'one of', 'a group of', 'small groups of'
        for i in (start + 1, start + 2):
            if words[i:i + 1] == ['of'] and words[i - 1] in english.MEASURES:
                start = i + 1
                break
        else:
            if words[start] not in english.BEFORE and not (
                    words[start].isdigit()):
                break
            start += 1
    return words[start:]


def _is_participle(word: str) -> bool:
    return len(word) > 5 and word.endswith('ed') or (
        word in english.PARTICIPLES)


def _is_doing(words: List[str], i: int) -> bool:
    """Whether a word says what is done: 'dog barking', 'guitar held by'."""
    after = words[i + 1:i + 2]
    if _is_participle(words[i]) or words[i] in english.POSTURES:
        return bool(after) and after[0] in english.PREPOSITIONS
    if not words[i].endswith('ing') or words[i] in english.ING_NOUNS:
        return False
    return not after or after[0] in english.BEHIND | english.ARTICLES or (
        after[0].endswith('ly'))


def _names(words: List[str]) -> List[List[str]]:
    """Cut a run of words into names: 'man playing a guitar on stage'."""
    names: List[List[str]] = [[]]
    for i, word in enumerate(words):
        if i and word in english.LINKS:
            names.append([])
        elif i and (word in english.BEHIND or _is_doing(words, i)):
            break
        else:
            if word in english.ARTICLES:
                names.append([])
            names[-1].append(word)
    return names


def _resolve_owner(words: List[str]) -> List[str]:
    """'a man's voice' is the man, 'a man's guitar' is the guitar."""
    start = 0
    for i, word in enumerate(words):
        if word.endswith(("'s", "s'")):
            owned = words[i + 1:i + 2]
            if not owned or owned[0] in _OF_OWNER or (
                    _is_doing(words, i + 1)):
                return words[start:i] + [_OWNER_END.sub('', word)]
            start = i + 1
    return words[start:]


def _head_last(words: List[str]) -> List[str]:
    """Bring a name into the form in which it is compared."""
    words = words.copy()
    # 'dog 2', 'dog sound', and loops: 'dog dog dog'
    while len(words) > 1 and (
            words[-1].isdigit() or words[-1] == words[-2]
            or words[-1] in english.HEARD_BY
            and words[-2] not in english.SURROUNDING | english.VOICED):
        words.pop()
    # 'built-in speaker': the first word isn't part of what it is
    words = [
        word for i, word in enumerate(words) if i == len(words) - 1
        or '-' not in word or not _FUNCTION_WORDS & set(word.split('-'))
    ]
    words = normalize_phrase(' '.join(words)).split()
    return words[:-1] + [singular(words[-1])] if words else words


def _is_name(words: List[str]) -> bool:
    phrase, head = ' '.join(words), words[-1]
    if len(words) > MAX_WORDS or len(phrase) > _MAX_CHARS or (
            not _LATIN.fullmatch(phrase) or phrase.replace(' ', '').isdigit()):
        return False
    if all(len(word) == 1 for word in words):
        return False  # 'B' of 'A, B' is a choice, not an object
    if len(words) == 1 and head.endswith('ing') and (
            head not in english.ING_NOUNS):
        return False  # 'barking' is no object
    if words[-2:-1] and head in english.HEARD_BY and (
            words[-2] in english.SURROUNDING):
        return False  # 'background noise'
    return (head not in english.GENERIC | english.SILENCE
            and words[0] not in english.BEGIN_NO_NAME
            and not _IN_NO_NAME & set(words) and 'can' not in words[:-1])


def _words(text: str) -> List[str]:
    return _WORD.findall(text.casefold())


def _phrases_once(text: str) -> Items:
    phrases: List[str] = []
    rejected = 0
    words = _strip_before(_words(text))
    if not words or words[0] in english.ASIDE or (
            len(words) > 1 and _is_participle(words[0])
            and words[1] in english.PREPOSITIONS):
        return Items()
    for words in _names(words):
        words = _resolve_owner(_strip_before(words))
        name = _head_last(words)
        if not name:
            continue
        # the words as written tell a verb: 'features' isn't 'feature'
        if _IN_NO_NAME & set(words) or not _is_name(name):
            rejected += 1
        else:
            phrases.append(' '.join(name))
    return Items(tuple(dict.fromkeys(phrases)), rejected)


def noun_phrases(text: str) -> Items:
    """Find the noun phrases in an item of a list.

    Determiners, numbers and amounts before the name go, and so does what
    follows it (prepositions, relative clauses, what it is doing); its last
    word becomes singular. 'a group of men playing acoustic guitars in a
    room' gives 'man' and 'acoustic guitar'. A name of more than four words,
    or with a word that no name holds, is rejected.

    Args:
        text (str): The item, without brackets and explanations.

    Returns:
        Items: The phrases. An item that only says something about others
        ('in the background') gives neither a phrase nor a rejection.
    """
    found = _phrases_once(text)
    # Cutting may lay open something else that has to be cut: until nothing
    # changes, which is soon, for nearly every step makes it shorter.
    for _ in range(8):
        again = [_phrases_once(phrase) for phrase in found.phrases]
        phrases = tuple(
            dict.fromkeys(p for items in again for p in items.phrases))
        if phrases == found.phrases:
            return found
        found = found._replace(
            phrases=phrases,
            rejected=found.rejected + sum(i.rejected for i in again))
    return found._replace(phrases=(), rejected=found.rejected + 1)


def without_remarks(text: str) -> str:
    """Blank what stands in round brackets.

    Args:
        text (str): The text.

    Returns:
        str: A text of the same length, in which all else keeps its place.
    """
    return _IN_BRACKETS.sub(lambda remark: ' ' * len(remark.group()), text)


def _outside_brackets(text: str) -> Tuple[str, List[str]]:
    """A text with a mark for each remark in brackets, and the remarks.

    A bracket that isn't closed goes to the text's end.
    """
    outside: List[str] = []
    remarks: List[str] = []
    closing: List[str] = []
    start = 0
    for bracket in re.finditer(r'[()\[\]{}]', text):
        char = bracket.group()
        if char in _BRACKETS:
            if not closing:
                outside += text[start:bracket.start()], _REMARK
                start = bracket.end()
            closing.append(_BRACKETS[char])
        elif closing and char == closing[-1]:
            closing.pop()
            if not closing:
                remarks.append(text[start:bracket.start()])
                start = bracket.end()
    (remarks if closing else outside).append(text[start:])
    return ''.join(outside), remarks


def is_category(text: str) -> bool:
    """Find out whether a text names a category, and not an object.

    Args:
        text (str): 'Musical instruments'.

    Returns:
        bool: Whether it does.
    """
    words = _strip_before(_words(normalize_phrase(text)))
    while len(words) > 1 and words[-1].isdigit():
        words.pop()
    return 0 < len(words) <= MAX_WORDS + 2 and (
        singular(words[-1]) in english.CATEGORIES
        or singular(words[0]) in english.GENERIC)


def says_nothing(text: str) -> bool:
    """Find out whether an item says that there is no object.

    Args:
        text (str): 'None', 'no sound source', 'N/A'.

    Returns:
        bool: Whether it does.
    """
    words = _words(text.replace('/', ''))
    if not words or len(words) > 8:
        return False
    if words[0] in english.NOTHING or words == ['not', 'applicable']:
        return True
    if len(words) == 1:
        return words[0] in english.SILENCE
    return words[0] == 'no' and bool(
        set(words) & (english.TOPICS | english.HEARD_BY | {'one'}))


def merge(items: Iterable[Items]) -> Items:
    """Put together what several lists hold, in their order.

    If they repeat each other, and the last name is the beginning of another
    one, then it was cut off, and is left out: 'drum, man, drum, man, dr'.

    Args:
        items (Iterable[Items]): The lists.

    Returns:
        Items: All of it.
    """
    items = list(items)
    names = [name for item in items for name in item.phrases]
    once = list(dict.fromkeys(names))
    repeats = len(once) < len(names)
    if repeats and names.count(names[-1]) == 1 and any(
            name.startswith(names[-1]) for name in once[:-1]):
        once.pop()
    return Items(
        tuple(once), sum(item.rejected for item in items),
        any(item.absent for item in items))


def _members(remark: str) -> Items:
    """The members of a category: a list without categories of its own."""
    text = _outside_brackets(remark)[0].replace(_REMARK, ' ')
    return merge(
        noun_phrases(_EXPLAINED.split(item)[0])
        for item in _SEPARATOR.split(text)[:MAX_ITEMS] if item.strip())


def _read_item(text: str, remarks: List[str]) -> Items:
    """One item; `remarks` are those in its brackets."""
    explained = _EXPLAINED.search(text)
    name = text[:explained.start()] if explained else text
    if explained:
        remarks = remarks + [text[explained.end():]]
    name = name.replace(_REMARK, ' ')
    if says_nothing(name):
        return Items(absent=True)
    if any(_NEGATED.match(remark[:_MAX_NOTE]) for remark in remarks):
        return Items(absent=any(
            find_denial(remark[:_MAX_NOTE]) for remark in remarks))
    if remarks and is_category(name):
        # 'Animals: dog'; 'musical instruments (guitar, piano)'
        members = merge(_members(remark) for remark in remarks)
        if members.phrases and not members.rejected:
            return members
    return noun_phrases(name)


def read_list(text: str) -> Items:
    """Read a list within a text: 'a dog, two men (talking) and a car'.

    Items are separated by commas, semicolons, strokes, 'and', 'or', line
    breaks or numbers. An item that its explanation denies ('table (cannot
    sound)') doesn't count; a category with its members behind it ('animals:
    dog') stands for them. Of a long list the first 32 items are read.

    Args:
        text (str): The list.

    Returns:
        Items: What it holds.
    """
    text = _SUCH_AS.sub(':', _ENUMERATOR.sub('\n', text))
    text, remarks = _outside_brackets(text)
    found: List[Items] = []
    for item in _SEPARATOR.split(text)[:_MAX_PARTS]:
        count = item.count(_REMARK)
        own, remarks = remarks[:count], remarks[count:]
        denial = find_denial(item[:_MAX_NOTE])
        if denial:
            if denial.of_all or not item[:denial.start].strip():
                del found[0 if denial.of_all else -1:]
            found.append(Items(absent=True))
            continue
        if item.strip():
            found.append(_read_item(item, own))
        words = _words(item[:80])
        if len(found) >= MAX_ITEMS or (
                len(found) > 1 and words and words[0] in english.CONJUNCTIONS):
            # 'the guitar, because it is being played, and ...'
            break
    return merge(found)


def read_bullet(text: str) -> Items:
    """Read an item of a bulleted list: 'Dog - it barks, and it is close'.

    Other than in :func:`read_list`, an explanation goes to the line's end,
    commas or not.

    Args:
        text (str): The line, without its bullet.

    Returns:
        Items: What it holds.
    """
    text = _SUCH_AS.sub(':', text)
    explained = _EXPLAINED.search(without_remarks(text))
    if not explained or is_category(text[:explained.start()]):
        return read_list(text)
    if _NEGATED.match(text[explained.end():][:_MAX_NOTE]):
        return Items()
    return read_list(text[:explained.start()])
