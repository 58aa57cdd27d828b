# Copyright (c) mmteso contributors. All rights reserved.
"""JSON as language models write it.

Objects and arrays are read as JSON has them, and with what models do to them:
strings in single quotes or in none, Python's ``None`` and ``True``, trailing
commas, and an end that is missing because the output was cut off.
"""
import re
from typing import Any, Iterator, List, NamedTuple, Tuple

# Text with more brackets that open nothing has no answer in JSON.
_MAX_FAILURES = 100
# Deeper nesting is no answer.
_MAX_DEPTH = 6
_OPEN = re.compile(r'[\[{]')
_SPACE = re.compile(r'[\s,]*')
# A value without quotes ends at whatever could follow it.
_BARE = re.compile(r'[^,:{}\[\]"\n]+')
_CONSTANTS = {'null': None, 'none': None, 'true': True, 'false': False}
# What has to be looked at within a string. An apostrophe before a letter
# doesn't end one: 'a man's voice'.
_IN_STRING = {'"': re.compile(r'[\\"]'), "'": re.compile(r"\\|'(?!\w)")}
_ESCAPE = re.compile(
    r'((?:\\u[0-9a-fA-F]{4})+)|\\(.?)', re.S)  # UTF-16, or one character
_ESCAPED = {'n': '\n', 't': '\t', 'r': '\r', 'b': '\b', 'f': '\f'}


class Pairs(list):
    """An object: its keys and values, in their order."""


class Found(NamedTuple):
    """An array or object in a text.

    Attributes:
        value (list | Pairs): What it holds: strings, numbers (float), True,
            False, None, lists and :class:`Pairs`.
        start (int): Where it begins.
        end (int): Where it ends.
        complete (bool): False if the text ends within it. What was complete
            by then is in ``value``; a string cut off isn't.
    """
    value: Any
    start: int
    end: int
    complete: bool


class _NotJson(Exception):
    """There is no value here."""


class _CutOff(Exception):
    """The text ends within a value."""


class _Reader:
    """Reads a value; looks at each character once."""

    def __init__(self, text: str, position: int) -> None:
        self.text = text
        self.position = position
        self.complete = True

    def _next(self) -> str:
        """The next character that means something; '' at the end."""
        self.position = _SPACE.match(self.text, self.position).end()
        return self.text[self.position:self.position + 1]

    def value(self, depth: int = 1) -> Any:
        char = self._next()
        if char not in ('[', '{'):
            return self._scalar(char)
        if depth > _MAX_DEPTH:
            raise _NotJson
        self.position += 1
        values, read, closing = ([], self.value, ']') if char == '[' else (
            Pairs(), self._pair, '}')
        try:
            while self._next() != closing:
                values.append(read(depth + 1))
            self.position += 1
        except _CutOff:
            self.complete = False
        return values

    def _pair(self, depth: int) -> Tuple[str, Any]:
        key = self._scalar(self._next())
        if self._next() not in (':', ''):
            raise _NotJson
        self.position += 1
        return str(key), self.value(depth)

    def _scalar(self, char: str) -> Any:
        if char in ('"', "'"):
            return self._string(char)
        bare = _BARE.match(self.text, self.position)
        if bare:
            self.position = bare.end()
        if self.position == len(self.text):
            raise _CutOff
        if not bare:
            raise _NotJson
        word = bare.group().strip()
        if word.lower() in _CONSTANTS:
            return _CONSTANTS[word.lower()]
        try:
            return float(word)
        except ValueError:
            return word

    def _string(self, quote: str) -> str:
        parts: List[str] = []
        self.position += 1
        while True:
            mark = _IN_STRING[quote].search(self.text, self.position)
            if not mark:
                self.position = len(self.text)
                raise _CutOff
            parts.append(self.text[self.position:mark.start()])
            self.position = mark.end()
            if mark.group() == quote:
                return ''.join(parts)
            escape = _ESCAPE.match(self.text, mark.start())
            codes, char = escape.groups()
            if codes:
                codes = bytes.fromhex(codes.replace('\\u', ''))
                parts.append(codes.decode('utf-16-be', 'replace'))
            else:
                parts.append(_ESCAPED.get(char, char))
            self.position = escape.end()


def find_json(text: str) -> Iterator[Found]:
    """Find the arrays and objects in a text, the outermost ones.

    Args:
        text (str): The text; the time is linear in its length.

    Yields:
        Found: The next one.
    """
    position = failures = 0
    while failures < _MAX_FAILURES:
        bracket = _OPEN.search(text, position)
        if not bracket:
            return
        reader = _Reader(text, bracket.start())
        try:
            value = reader.value()
        except _NotJson:
            # What was read can't be the beginning of another one.
            position = max(reader.position, bracket.end())
            failures += 1
            continue
        position = reader.position
        yield Found(value, bracket.start(), position, reader.complete)
