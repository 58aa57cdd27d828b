# Copyright (c) mmteso contributors. All rights reserved.
"""Lines: headings, bullets, and what is named in them."""
import re
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple

from . import english
from .json_cues import read_found
from .lenient_json import find_json
from .noun_phrases import (MAX_ITEMS, MAX_WORDS, Items, merge, read_list,
                           says_nothing)
from .plurals import singular
from .sentences import (About, about, read_item, read_sentence, sentences,
                        statement, unwrapped, without_lead, words_of)

_BULLET = re.compile(
    r'([ \t]*)(?:[-*+\u2022\u2023\u25aa\u25cf\u25cb\u25e6\u00b7>\u2713\u2714]'
    r'[ \t]*|\(?\d{1,3}[.)][ \t]*(?=\D)|\(?[a-hA-H][.)][ \t]+)(?=\S)')
_STEP = re.compile(r'[\W_]{0,9}step\s+\d+\s*[:.)\-]+\s*', re.I)
_MARK = re.compile(r':|=|\s-+(?=\s)')
_NAME_LINE = re.compile(r'[^\W\d_]+(?:[ \-][^\W\d_]+){0,4}')
_CLAUSE = re.compile(r'[.!?;,]\s|\s-\s')
# So much of a line may have to be looked at for its heading.
_MAX_HEADING_CHARS = 160
_MAX_MARKS = 12
# Words of a heading that stands without a colon.
_PLAIN_HEADING = (english.TOPICS | english.ANSWERS | english.BEFORE
                  | frozenset('final sound sounding my audible'.split()))
# 'Objects:' is a step on the way to the answer; with one of these words it is
# the answer to a prompt for any, background or random objects.
_OPEN_HEADING = english.VERBS | frozenset('here background random'.split())


class Section(NamedTuple):
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


def _heading(line: str) -> Optional[Section]:
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
        best = Section(rank, ' '.join(words), [content[mark.end():]])
    if best is None:
        words = words_of(content)
        if 0 < len(words) <= 4 and set(words) <= _PLAIN_HEADING and not (
                content.rstrip().endswith(('.', ','))):
            rank = about(words)
            if rank is not None and rank >= About.SOUNDING:
                best = Section(rank, ' '.join(words), [''])
    return best


def _said(line: str) -> Iterator[Section]:
    """The statements in a line about the answer or the objects."""
    for sentence in sentences(_content(line)):
        said = statement(sentence)
        if said and said.about and (not said.denied
                                    or says_nothing(said.rest)):
            yield Section(said.about, ' '.join(words_of(said.subject)),
                          [said.rest])


def _is_category_of(section: Section, line: str, heading: Section) -> bool:
    """Whether a line is no heading, but a bullet: '- Living things: dog'."""
    return (section.about is not None and section.about >= About.SOUNDING
            and heading.about is About.STEPS and bool(_BULLET.match(line))
            and not set(heading.heading.split()) &
            (english.NEGATIONS | english.REMARKS))


def sections_of(text: str) -> Tuple[List[Section], List[Section]]:
    """Divide a text at its headings.

    Args:
        text (str): The text.

    Returns:
        tuple[list[Section], list[Section]]: The sections, first what stands
        before any heading; and, in the order of the text, the sections with a
        heading together with the statements about what was asked for.
    """
    sections = [Section(None, '', [])]
    said: List[Section] = []
    for line in text.split('\n'):
        heading = _heading(line)
        if heading and not _is_category_of(sections[-1], line, heading):
            sections.append(heading)
            said.append(heading)
        else:
            sections[-1].lines.append(line)
            said.extend(_said(line))
    return sections, said


def read_json(text: str) -> Optional[Items]:
    """Read the JSON with which a text begins.

    Args:
        text (str): The text. Several values may follow each other.

    Returns:
        Items, optional: What they name; None if there is none or it has
        another form.
    """
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


def _read_names(lines: Sequence[str],
                known: Tuple[str, ...]) -> Iterator[Items]:
    """The lines with a name each with which some lines begin.

    A line on what is known by name ('Dogs bark') is prose.
    """
    heads = {name.split()[-1] for name in known}
    for _, line in zip(range(MAX_ITEMS), lines):
        line = line.strip().rstrip(',;')
        words = words_of(line[:_MAX_HEADING_CHARS])
        if not _NAME_LINE.fullmatch(line) or len(words) > MAX_WORDS + 1 or (
                statement(line) or english.CLOSINGS & set(words)):
            break
        items = read_list(line)
        name = [word for word in words if word not in english.ARTICLES]
        # nothing is left out of it, as of 'Loud barking'
        if len(items.phrases) != 1 or items.rejected or len(name) != len(
                items.phrases[0].split()) or any(
                    singular(word) in heads for word in name[:-1]):
            break
        heads.add(items.phrases[0].split()[-1])
        yield items


def read_section(section: Section) -> Optional[Items]:
    """Read what is named behind a heading or statement.

    Args:
        section (Section): JSON; or the rest of the heading's line, and if
            it is a single name, the lines below with one each; or, if there
            is none, the bullets or lines that follow.

    Returns:
        Items, optional: What is named; None if nothing can be read.
    """
    text = '\n'.join(section.lines).lstrip(' \t\n"\'')
    if text[:1] in ('[', '{'):
        items = read_json(text)
        if items is not None:
            return items
    first, *rest = section.lines
    while first.rstrip().endswith(',') and rest:
        first = f'{first} {rest.pop(0)}'
    if words_of(first) and not first.rstrip().endswith(':'):
        items = read_sentence(first)
        if items is None or len(items.phrases) != 1 or items.rejected or (
                first.rstrip().endswith(('.', '!', '?')) or statement(first)):
            return items
        return merge([items, *_read_names(rest, items.phrases)])
    return _read_block(rest)


def _plain_lines(section: Section) -> List[str]:
    """The lines before any heading, without 'Sure!' and the like."""
    lines = [line for line in section.lines if line.strip()]
    if lines:
        lines[0] = unwrapped(without_lead(lines[0] + '\n'))
    return [line for line in lines if line]


def read_plain(section: Section) -> Optional[Items]:
    """Read a list that has no heading.

    Args:
        section (Section): What stands before the first heading.

    Returns:
        Items, optional: What is named; None if it doesn't begin with a list.
    """
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


def free_sentences(sections: Sequence[Section]) -> List[str]:
    """Find the sentences that don't stand in the line of a heading.

    Args:
        sections (Sequence[Section]): The sections of a text.

    Returns:
        list[str]: The sentences, each once.
    """
    found = {}
    for section in sections:
        lines = section.lines if section.about is None else section.lines[1:]
        for line in lines:
            found.update(dict.fromkeys(sentences(_content(line))))
    return list(found)
