# Copyright (c) mmteso contributors. All rights reserved.
"""Sentences: what they are about, and the objects that they name."""
import enum
import re
from typing import Iterator, List, NamedTuple, Optional, Sequence

from . import english
from .noun_phrases import (Items, merge, read_bullet, read_list, says_nothing,
                           without_remarks)

_DENYING = frozenset("cannot can't isn't aren't wasn't weren't doesn't don't "
                     "won't couldn't wouldn't".split())
#: What a heading, or a statement's subject, may be at most, in words.
_MAX_SUBJECT = 18
# A longer sentence is no statement: no model writes one that names objects.
_MAX_CHARS = 600
# Full stops that don't end a sentence: e.g., St. Bernard, U.S.
_END = re.compile(r'(?<!\.[A-Za-z])(?<!\bSt)(?<!\bMr)(?<!\bDr)(?<!\bvs)'
                  r'(?<!\betc)[.!?]+["\')]*(?=\s|$)')
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
# Subjects that stand for what follows: 'There is', 'The group is'.
_POINTERS = frozenset(('there', 'here', 'it', 'this')) | english.GENERIC
_SOUND_ITSELF = frozenset(('sound', 'sounds', 'noise', 'noises'))
_CONTRACTION = re.compile(r"\b(it|that|there|what|here)'s\b", re.I)
_LEAD = re.compile(
    r'\s*(?:(?:sure|certainly|of course|okay|ok|absolutely|great|yes|right)'
    r'(?: thing)?[!.,:;]+\s*'
    r'|(?:i|we) (?:think|believe|would say|guess)(?: that)?\s'
    r"|it(?: is|'s) (?:most |very |highly )?"
    r'(?:likely|possible|probable|clear)(?: that)?\s'
    r'|it (?:seems|appears)(?: that)?\s|that\s'
    # 'Based on the caption, it is likely that ...'
    r"|(?:based on|given|according to|from|in) [^,.]{1,60}, "
    r"(?=it|i |we ))", re.I)


class About(enum.IntEnum):
    """What a heading or a subject says that it names.

    The higher, the closer to what was asked for.
    """
    STEPS = 0
    OBJECTS = 1
    SOUNDING = 2
    ANSWER = 3
    FINAL_ANSWER = 4


def words_of(text: str) -> List[str]:
    """Divide a text into words.

    Args:
        text (str): The text.

    Returns:
        list[str]: Its words in lower case, parted at hyphens.
    """
    return _WORD.findall(text.casefold())


def about(words: Sequence[str]) -> Optional[About]:
    """Find out what a heading, or the subject of a sentence, names.

    Args:
        words (Sequence[str]): Its words.

    Returns:
        About, optional: What it names; None if it is no such thing, but, say,
        an object itself.
    """
    if not words or len(words) > _MAX_SUBJECT:
        return None
    if words[0] == 'here' and len(words) < 4:
        return About.OBJECTS
    known = set(words)
    if known & english.NEGATIONS:
        topical = known & (english.TOPICS | english.REMARKS) or any(
            map(english.TOPIC_SOUND.match, words))
        return About.STEPS if topical else None
    if any(pair == ('to', 'answer') for pair in zip(words, words[1:])):
        return About.STEPS  # 'To answer this, let's list the objects'
    if known & english.ANSWERS or (
            len(words) <= 4 and known & english.OTHER_ANSWERS):
        return About.FINAL_ANSWER if 'final' in known else About.ANSWER
    sounding = any(map(english.TOPIC_SOUND.match, words))
    if sounding and (known & english.TOPICS
                     or known <= english.BEFORE | english.VERBS):
        return About.SOUNDING
    if known & english.TOPICS:
        return About.OBJECTS
    return About.STEPS if known & english.REMARKS else None


def sentences(text: str) -> Iterator[str]:
    """Divide a text into sentences.

    Args:
        text (str): The text; a line's end ends a sentence too.

    Yields:
        str: A sentence, without what ends it.
    """
    for line in text.split('\n'):
        for sentence in _END.split(line):
            if sentence.strip():
                yield sentence.strip()


class Statement(NamedTuple):
    """A sentence with a verb that says what objects are or do.

    Attributes:
        subject (str): What stands before the verb.
        rest (str): What stands behind it.
        about (About, optional): What the subject names.
        denied (bool): Whether the sentence denies what it says.
    """
    subject: str
    rest: str
    about: Optional[About]
    denied: bool


def statement(sentence: str) -> Optional[Statement]:
    """Find a sentence's verb.

    Args:
        sentence (str): The sentence.

    Returns:
        Statement, optional: Its parts; None if it has no verb of
        :data:`english.VERBS`, or nothing on one side of it.
    """
    if len(sentence) > _MAX_CHARS:
        return None
    sentence = _CONTRACTION.sub(r'\1 is', sentence)
    plain = without_remarks(sentence)
    found = list(_WORD.finditer(plain))
    words = [word.group().casefold() for word in found]
    in_clause = False
    for i, word in enumerate(words):
        if i and ',' in plain[found[i - 1].end():found[i].start()]:
            in_clause = False
        if word in english.CONJUNCTIONS and word != 'so':
            in_clause = i > 0 or word != 'that'
        if i == 0 or word not in english.VERBS and word not in _DENYING:
            continue
        if words[i - 1] in english.VERBS or (
                words[i - 1] in english.VERB_PARTS and i > 1
                and words[i - 2] in english.VERBS):
            continue  # of the same group: 'could be'
        if words[i - 1] == 'to':
            continue  # 'the object most likely to produce sound'
        if word == 'can' and (words[i + 1:i + 2] in ([], ['and'], ['or']) or
                              not plain[found[i].end()].isspace()):
            continue  # a trash can
        if in_clause:
            in_clause = False
            continue  # the verb of 'objects that can sound'
        end = i + 1
        while end < len(words) and (words[end] in english.VERB_PARTS
                                    or words[end] in english.VERBS):
            end += 1
        if end == len(words):
            return None
        subject = sentence[:found[i].start()]
        rest = sentence[found[end].start():]
        denied = word in _DENYING or words[end] in english.NEGATIONS
        return Statement(subject, rest, about(words_of(subject)), denied)
    return None


def mentions_sound(text: str) -> bool:
    """Find out whether a text speaks of sound.

    Args:
        text (str): The text.

    Returns:
        bool: Whether it does.
    """
    return any(map(english.SOUND.match, words_of(text)))


_BETWEEN_CLAUSES = re.compile(
    r'[,;]\s*(?:(?:and|but|while|so|whereas)\s)?|\s(?:and|but|while)(?=\s)',
    re.I)


def _is_clause(part: str) -> bool:
    said = statement(part)
    return said is not None and not set(words_of(
        said.subject)) <= english.BEFORE


def clauses(sentence: str) -> Iterator[str]:
    """Divide a sentence, if it has several verbs.

    Args:
        sentence (str): 'The dog is barking, and the man is talking'.

    Yields:
        str: Parts with a verb each; all of the sentence if it has but one.
    """
    sentence = without_lead(sentence)
    if len(sentence) > _MAX_CHARS:
        yield sentence
        return
    found = []
    start = 0
    for between in _BETWEEN_CLAUSES.finditer(sentence):
        # the parts of 'a dog, a man and a cat are here' belong together
        if _is_clause(sentence[start:between.start()]):
            if not _is_clause(sentence[between.start():]):
                break
            found.append(sentence[start:between.start()])
            start = between.end() if between.group()[0] in ',;' else (
                between.start())
    yield from [*found, sentence[start:]]


def denies_all(sentence: str) -> bool:
    """Find out whether a sentence says that nothing sounds.

    Args:
        sentence (str): 'There are no objects that can sound'.

    Returns:
        bool: Whether it does.
    """
    if len(sentence) > _MAX_CHARS:
        return False
    for part in (sentence, *sentence.split(', ')[1:3]):
        words = words_of(part)
        if _denies_any(words):
            return True
        while words and words[0] in english.BEFORE - {'no', 'neither'}:
            words.pop(0)
        if words[:1] == ['there']:
            words = [word for word in words[1:] if word not in english.VERBS]
            if words and words[0] in _DENYING | {'not'}:
                words[0] = 'no'
        if not words or len(words) > _MAX_SUBJECT + 6:
            continue
        if set(words) & english.FURTHER or not (
                words[0] in english.NOTHING or words[0] == 'no'):
            continue
        if any(word in english.TOPICS or english.TOPIC_SOUND.match(word)
               for word in words[1:]):
            return True
    return False


def _denies_any(words: Sequence[str]) -> bool:
    """'The caption doesn't mention any sounding objects'."""
    if 'any' not in words:
        return False
    i = words.index('any')
    denied = (_DENYING | {'not'}) & set(words[:i])
    return bool(denied and english.TOPICS & set(words[i + 1:i + 5])) and any(
        map(english.TOPIC_SOUND.match, words[i + 1:]))


def without_lead(text: str) -> str:
    """Leave out 'Sure!', 'I think that' and the like.

    Args:
        text (str): The text.

    Returns:
        str: What follows its beginning of that kind.
    """
    for _ in range(4):
        lead = _LEAD.match(text)
        if not lead:
            break
        text = text[lead.end():]
    return text


def unwrapped(text: str) -> str:
    """Take off the brackets and quotation marks around all of a text.

    Args:
        text (str): The text.

    Returns:
        str: What is within, without space at its ends.
    """
    text = text.strip()
    for opening, closing in ('()', '[]', '""', "''"):
        inner = text[1:].rstrip(' .')
        if text[:1] == opening and inner.find(closing) == len(inner) - 1 >= 0:
            text = inner[:-1].strip()
    return text


def _read_subject(said: Statement) -> Items:
    """The objects that a statement is about."""
    if words_of(said.rest)[:1] == ['playing']:
        # 'The man in the middle is playing the guitar'
        return merge([read_list(said.subject), read_list(said.rest)])
    return read_list(said.subject)


def read_sentence(text: str) -> Optional[Items]:
    """Read what stands in the place of an answer: a list or a statement.

    Args:
        text (str): The text; its first sentence counts.

    Returns:
        Items, optional: What it names; with ``absent`` alone if it says that
        there is nothing; None if neither can be read.
    """
    text = unwrapped(without_lead(text))
    # '1. Dog. 2. Man.': the numbers separate, not the full stops
    text = re.sub(r'[.!?]?\s+(?=\(?\d{1,2}[.)]\s)', ' , ', text)
    text = re.sub(r'^\W*\d{1,2}[.)]\s+', '', text)
    sentence = next(sentences(text), '')
    # 'The answer is that the sounding objects are ...'
    for _ in range(3):
        if says_nothing(sentence) or denies_all(sentence):
            return Items(absent=True)
        said = statement(sentence)
        if said is None:
            return read_list(sentence)
        if said.about is About.STEPS or said.denied and not (
                says_nothing(said.rest)):
            return None
        last = words_of(said.subject)[-1:]
        if said.about is None and not _POINTERS & set(last):
            return _read_subject(said)
        if last == ['it'] and words_of(said.rest)[0] not in english.ARTICLES:
            return None  # 'It is difficult to say'
        sentence = without_lead(said.rest)
    return None


def read_item(text: str) -> Items:
    """Read a bullet, or an item of JSON: a name, or a sentence about it.

    Args:
        text (str): 'Dog: it may bark', 'The dog may bark'.

    Returns:
        Items: What it names.
    """
    items = read_bullet(text)
    if items.rejected and statement(text):
        return read_sentence(text) or items
    return items


def sounding_subject(sentence: str) -> Optional[Items]:
    """Read a sentence that says of objects that they sound.

    Args:
        sentence (str): 'The dog and the man could be making a sound'.

    Returns:
        Items, optional: The objects; None if it says nothing of that kind.
    """
    said = statement(without_lead(sentence))
    if said is None or said.denied:
        return None
    subject, rest = words_of(said.subject), words_of(said.rest)
    if subject[-1:] == ['there'] and mentions_sound(said.rest):
        return read_list(said.rest)
    if said.about not in (None, About.OBJECTS):
        return None
    if _SOUND_ITSELF & set(subject) and 'from' in rest:
        # 'The sound is coming from the dog'
        return read_list(re.split(r'\bfrom\s', said.rest, maxsplit=1)[-1])
    if not mentions_sound(said.rest) and not english.ANSWERS & set(rest):
        return None
    return _read_subject(said)


def is_conclusion(sentence: str) -> bool:
    """Find out whether a sentence concludes.

    Args:
        sentence (str): 'Therefore, the dog is barking'.

    Returns:
        bool: Whether it does.
    """
    words = words_of(sentence)
    return bool(english.CONCLUSIONS & set(words[:3])) or 'likely' in words
