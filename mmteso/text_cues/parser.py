# Copyright (c) mmteso contributors. All rights reserved.
r"""From a language model's answer to text cues.

Models are asked for a last line ``Answer: guitar, man``, and often answer
otherwise. :func:`parse_cues` reads what they write in four steps, each a
module of :mod:`mmteso.text_cues.parsing`, and refuses the rest:

1. **The answer's text** (``answer_text``): without reasoning blocks, control
   tokens, markup, a repeated prompt and a made-up continuation of the
   conversation. A line ``Caption:``, ``Question:`` or ``Human:`` begins such
   a continuation if there is an answer before it.
2. **Where the objects are named** (this module). The first of these that can
   be read wins:

   1. JSON, if the text begins with it;
   2. what follows a *heading* or *statement* of the answer: ``Final answer:``
      before ``Answer:``, ``Output:``, ``The answer is ...``; the first one,
      because models that don't stop repeat themselves;
   3. JSON elsewhere in the text, the last one;
   4. what follows a heading or statement about objects that sound:
      ``Potential sounding objects:``, ``The most likely sound source is
      ...``; the last one, because they are narrowed down step by step, but
      of equal ones the first;
   5. a plain list, without any heading, at the beginning of the text: lines,
      bullets, or 'a dog and a man';
   6. sentences that say of objects that they sound: 'The dog could be
      barking.'; if some are conclusions ('Therefore, ...'), the last of these
      alone;
   7. a sentence that says that nothing can sound;
   8. a heading or statement about objects as such ('The objects in the
      caption are ...'), if the text ends with it.

   Headings of what is denied ('Objects that cannot sound:') and of the steps
   on the way ('Objects:', 'Groups:', 'Explanation:') name nothing. If the
   text is a refusal, 5 to 8 don't apply.
3. **Items** (``noun_phrases``): a list is split at commas, semicolons,
   strokes, 'and', 'or', numbers and line breaks. Explanations go, in
   brackets, behind a colon, a dash, 'because' and the like; an item that its
   explanation denies ('table (silent)') doesn't count.
4. **Noun phrases** (``noun_phrases``): articles, numbers and amounts go, and
   what follows the name ('in the background', 'that barks'); adjectives
   stay; the last word becomes singular; duplicates go. 'A man playing the
   guitar' names both. Rejected are names of over four words, of nothing in
   particular ('sound source'), in other than Latin letters, or with words
   that no name holds ('can', 'it').

A list with more rejected items than names is prose, and isn't read. 'None',
``[]`` and 'No sounding objects' are answers: no cue. An answer that can't be
read is an error, never a guess: every word of a cue is a word of the answer,
or its singular.
"""
import re
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple

from .parsing import english
from .parsing.answer_text import CueParseError, answer_text
from .parsing.json_cues import read_found
from .parsing.lenient_json import find_json
from .parsing.noun_phrases import (MAX_ITEMS, Items, merge, read_list,
                                   says_nothing)
from .parsing.sentences import (About, about, clauses, denies_all,
                                is_conclusion, read_item, read_sentence,
                                sentences, sounding_subject, statement,
                                unwrapped, without_lead, words_of)

__all__ = ['CueParseError', 'parse_cues']

_BULLET = re.compile(
    r'([ \t]*)(?:[-*+\u2022\u2023\u25aa\u25cf\u25cb\u25e6\u00b7>\u2713\u2714]'
    r'[ \t]*|\(?\d{1,3}[.)][ \t]*(?=\D)|\(?[a-hA-H][.)][ \t]+)(?=\S)')
_STEP = re.compile(r'[\W_]{0,9}step\s+\d+\s*[:.)\-]+\s*', re.I)
_MARK = re.compile(r':|=|\s-+(?=\s)')
_CLAUSE = re.compile(r'[.!?;,]\s|\s-\s')
# So many words a clause before a mark may have to be looked at.
_MAX_HEADING_CHARS = 160
_MAX_MARKS = 12
# Words of a heading that stands without a colon.
_PLAIN_HEADING = (english.TOPICS | english.ANSWERS | english.BEFORE
                  | frozenset('final sound sounding my audible'.split()))
# 'Objects:' is a step on the way to the answer; with one of these words it is
# the answer to a prompt for any, background or random objects.
_OPEN_HEADING = english.VERBS | frozenset('here background random'.split())
_THINKING = re.compile(r'^[^\w\n]{0,9}step\s+\d', re.I | re.M)
# Begin another round of questions and answers.
_NEXT_ROUND = re.compile(
    r'^[^\w\n]{0,9}(?:human|(?:image |video |new )?(?:caption|description)'
    r'|question|q|input|user|example(?: \d+)?)\s*:', re.I | re.M)


class _Section(NamedTuple):
    """A heading, or a statement's subject, and what follows it.

    Attributes:
        about (About, optional): What is named there; None for what stands
            before the first heading.
        heading (str): The heading, as equal ones are compared.
        lines (list[str]): What follows it, up to the next heading; the first
            is the rest of its own line.
    """
    about: Optional[About]
    heading: str
    lines: List[str]


def _content(line: str) -> str:
    """A line without its bullet, or 'Step 1:'."""
    bullet = _BULLET.match(line)
    content = line[bullet.end():] if bullet else line.strip()
    step = _STEP.match(content)
    return content[step.end():] if step else content


def _heading(line: str) -> Optional[_Section]:
    """The heading in a line that says most, with the rest of the line."""
    content = _content(line)
    best, start = None, 0
    for _, mark in zip(range(_MAX_MARKS), _MARK.finditer(content)):
        clause = content[max(start, mark.start() -
                             _MAX_HEADING_CHARS):mark.start()]
        start = mark.end()
        quotes = content.count('"', 0, mark.start())
        if quotes % 2 and not (quotes == 1 and content[0] == '"'):
            continue  # spoken of: The last line starts with "Answer:"
        words = words_of(_CLAUSE.split(clause)[-1])
        if mark.group() != ':' and not set(words) <= _PLAIN_HEADING:
            continue
        rank = about(words)
        if rank is None or best and rank <= best.about:
            continue
        if rank is About.OBJECTS and not set(words) & _OPEN_HEADING:
            rank = About.STEPS
        best = _Section(rank, ' '.join(words), [content[mark.end():]])
    if best is None:
        words = words_of(content)
        if 0 < len(words) <= 4 and set(words) <= _PLAIN_HEADING and not (
                content.rstrip().endswith(('.', ','))):
            rank = about(words)
            if rank is not None and rank >= About.SOUNDING:
                best = _Section(rank, ' '.join(words), [''])
    return best


def _said(line: str) -> Iterator[_Section]:
    """The statements in a line about the answer or the objects."""
    for sentence in sentences(_content(line)):
        said = statement(sentence)
        if said and said.about and not said.denied:
            yield _Section(said.about, ' '.join(words_of(said.subject)),
                           [said.rest])


def _sections(text: str) -> Tuple[List[_Section], List[_Section]]:
    """Divide a text at its headings; and all statements."""
    sections = [_Section(None, '', [])]
    said: List[_Section] = []
    for line in text.split('\n'):
        heading = _heading(line)
        if heading:
            sections.append(heading)
            said.append(heading)
        else:
            sections[-1].lines.append(line)
            said.extend(_said(line))
    return sections, said


def _verdict(items: Optional[Items]) -> Optional[Tuple[str, ...]]:
    """The cues, if what was read is a list or says that there is nothing."""
    if items is None:
        return None
    if items.is_list:
        return items.phrases
    if items.absent and not items.phrases and not items.rejected:
        return ()
    return None


def _read_json(text: str) -> Optional[Items]:
    """The JSON with which a text begins; several values may follow."""
    read: List[Items] = []
    end = 0
    for found in find_json(text):
        gap = text[end:found.start]
        if gap.strip(' \t\n,"\'') or read and '\n\n' in gap:
            break
        items = read_found(found)
        if items is None:
            break
        read.append(items)
        end = found.end
    return merge(read) if read else None


def _is_names(sentence: str) -> bool:
    """Whether a sentence is a list of names and nothing else."""
    if statement(sentence):
        return False
    items = read_list(sentence)
    return bool(items.phrases) and not items.rejected


def _read_block(lines: Sequence[str]) -> Optional[Items]:
    """The bullets, or lines, with which some lines begin."""
    read: List[Items] = []
    indent = None
    for line in lines:
        if not line.strip():
            continue
        if len(read) == MAX_ITEMS:
            break
        bullet = _BULLET.match(line)
        if bullet:
            own = len(bullet.group(1).expandtabs())
            indent = own if indent is None else indent
            if own > indent:
                continue  # an explanation of the bullet above
            read.append(read_item(_content(line)))
        elif indent is not None:
            break
        else:
            items = read_sentence(line)
            # after the first line only names, no sentences; a line that
            # denies ('Table: no') says nothing
            if items is None or read and (items.rejected or statement(line)):
                break
            read.append(items)
    return merge(read) if read else None


def _read_section(section: _Section) -> Optional[Items]:
    """What is named behind a heading or statement."""
    text = '\n'.join(section.lines).lstrip(' \t\n"\'')
    if text[:1] in ('[', '{'):
        items = _read_json(text)
        if items is not None:
            return items
    first, *rest = section.lines
    while first.rstrip().endswith(',') and rest:
        first = f'{first} {rest.pop(0)}'
    if words_of(first) and not first.rstrip().endswith(':'):
        return read_sentence(first)
    return _read_block(rest)


def _plain_lines(section: _Section) -> List[str]:
    """The lines before any heading, without 'Sure!' and the like."""
    lines = [line for line in section.lines if line.strip()]
    if lines:
        lines[0] = unwrapped(without_lead(lines[0] + '\n'))
    return [line for line in lines if line]


def _read_plain(section: _Section) -> Optional[Items]:
    """A list without a heading."""
    lines = _plain_lines(section)
    if not lines:
        return None
    if ':' in lines[0] and len(lines) == 1:
        return None  # a heading that isn't known: 'Antwort: Hund, Katze'
    first = next(sentences(lines[0]), '')
    said = statement(first)
    # 'It is the dog.'
    if (_BULLET.match(lines[0]) or _is_names(first) or says_nothing(first)
            or said and words_of(said.subject) == ['it']):
        return _read_block(lines)
    return None


def _free_sentences(sections: Sequence[_Section]) -> List[str]:
    """The sentences that stand behind no heading, each once."""
    found = {}
    for section in sections:
        lines = section.lines if section.about is None else section.lines[1:]
        for line in lines:
            found.update(dict.fromkeys(sentences(_content(line))))
    return list(found)


def _read_prose(sections: Sequence[_Section],
                thought: bool) -> Optional[Tuple[str, ...]]:
    """Sentences that say of objects that they sound, or that none does."""
    found = []
    denied = False
    for sentence in _free_sentences(sections):
        denied = denied or denies_all(sentence)
        for clause in clauses(sentence):
            cues = _verdict(sounding_subject(clause))
            if cues:
                found.append((is_conclusion(sentence), cues))
    concluded = [cues for conclusion, cues in found if conclusion]
    if concluded:
        return concluded[-1]
    if found and not thought:
        return tuple(dict.fromkeys(cue for _, cues in found for cue in cues))
    return () if denied and not found else None


def _find_cues(text: str) -> Optional[Tuple[str, ...]]:
    """Try the places where objects may be named, in the grammar's order."""
    if text.lstrip()[:1] in ('[', '{'):
        cues = _verdict(_read_json(text.lstrip()))
        if cues is not None:
            return cues
    sections, said = _sections(text)

    def read(wanted: About) -> Iterator[Tuple[str, ...]]:
        seen = set()
        for section in said:
            if section.about is wanted and section.heading not in seen:
                cues = _verdict(_read_section(section))
                if cues is not None:
                    seen.add(section.heading)
                    yield cues

    for wanted in (About.FINAL_ANSWER, About.ANSWER):
        for cues in read(wanted):
            return cues
    values = [_verdict(read_found(found)) for found in find_json(text)]
    values = [cues for cues in values if cues] or list(read(About.SOUNDING))
    if values:
        return values[-1]
    if _is_refusal(text):
        return None
    thought = bool(_THINKING.search(text)) or any(
        section.about is About.STEPS for section in said)
    cues = None
    if not _THINKING.search(text):
        cues = _verdict(_read_plain(sections[0]))
    if cues is None:
        cues = _read_prose(sections, thought)
    if cues is None and not thought and said and (
            said[-1].about is About.OBJECTS):
        cues = _verdict(_read_section(said[-1]))
    return cues


def _is_refusal(text: str) -> bool:
    return any(
        sentence.lower().startswith(english.REFUSALS)
        for _, sentence in zip(range(2), sentences(text)))


def parse_cues(text: str, num_cues: int = 4) -> Tuple[str, ...]:
    """Read the text cues in a language model's answer.

    The grammar is that of this module's docstring. The time is linear in the
    answer's length.

    Args:
        text (str): The answer, as the model wrote it.
        num_cues (int): Largest number of cues, N_T; what is named after them
            is dropped. Defaults to 4.

    Returns:
        tuple[str]: Noun phrases of at most four words, most likely object
        first as far as the answer says so, in the form of
        :func:`mmteso.io.normalize_phrase`, each once; empty if the answer
        says that nothing sounds.

    Raises:
        CueParseError: If the answer can't be read; the message says why.
        ImportError: If the answer has plural forms and inflect is missing.
        TypeError: If ``text`` isn't a string.
        ValueError: If ``num_cues`` is less than 1.

    Examples:
        >>> parse_cues('The dog can bark.\\nAnswer: a dog, two men')
        ('dog', 'man')
        >>> parse_cues('Answer: none')
        ()
    """
    if not isinstance(text, str):
        raise TypeError(f'an answer must be a string, but got {text!r:.80}')
    if num_cues < 1:
        raise ValueError(f'num_cues must be at least 1, but got {num_cues}')
    answer = answer_text(text)
    begun = _NEXT_ROUND.search(answer)
    cues = None
    if begun and answer[:begun.start()].strip():
        cues = _find_cues(answer[:begun.start()])
    if cues is None:
        cues = _find_cues(answer)
    if cues is not None:
        return cues[:num_cues]
    if _is_refusal(answer):
        raise CueParseError('the model refused to answer')
    if re.search(r'[^\W\d_a-zA-Z\u00c0-\u024f]', answer):
        raise CueParseError('the answer names no objects in Latin letters')
    raise CueParseError('the answer names no objects that could be found')
