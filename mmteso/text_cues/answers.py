# Copyright (c) mmteso contributors. All rights reserved.
"""From a language model's answer to the names of objects.

Names are asked for in a JSON schema. Whether an answer keeps it has to be
checked: there are servers that accept a schema and ignore it. Free answers
are asked to end with a line ``Answer: guitar, man``.
"""
import functools
import json
import re
from typing import Any, Dict, Iterable, List, Optional

from mmteso.io import normalize_phrase
from .base import CUT_OFF

_KEY = 'sounding_objects'
# A pattern, because engines differ in minLength and maxLength; with an end,
# because a model may never end a string.
_NAME = '^[a-z][a-z -]{0,30}$'

_TAGS = r'(?:seed:)?(?:think(?:ing)?|thought|reasoning)>|'
_OPEN = rf'<{_TAGS}\[THINK\]|<\|START_THINKING\|>|<\|channel>thought'
_CLOSE = rf'</{_TAGS}\[/THINK\]|<\|END_THINKING\|>|<channel\|>'
_THOUGHT = re.compile(rf'(?:{_OPEN}).*?(?:{_CLOSE}|\Z)', re.I | re.S)
# gpt-oss's harmony format, and the same decoded without special tokens
_FINAL = re.compile(r'<\|channel\|>final.*?<\|message\|>([^<]*)', re.S)
_ANALYSIS = re.compile(r'\Aanalysis(?=[A-Z]).*?(?:assistantfinal|\Z)', re.S)

# Behind these a model goes on with a conversation of its own.
_NEXT_TURN = re.compile(
    r'</s>|<end_of_turn>|<\|(?:im_end|eot_id|end|endoftext|return)\|>|'
    r'^\W*(?:caption|question|user|human)\s*:', re.I | re.M)
_TAG = re.compile(r'</?[^<>\s]{1,30}>')
_HEADING = re.compile(
    r'^[^\w\n]*(?:final |the )?answer(?:[^\w\n]*:| is)[*_ \t]*', re.I | re.M)
_JSON = re.compile(r'\{[^{}]*\}|\[[^][{}]*\]')
_SEPARATOR = re.compile(r'[,;\n]|\band\b')
_NOTHING = re.compile(r'\W*(?:none|nothing|nobody|silence|n/a|no (?:\w+ )?'
                      r'(?:objects?|sounds?|sources?))\b', re.I)
# In prose, but in no name.
_PROSE = re.compile(
    r'[:?!%=]|\b(?:i|it|they|you|there|this|that|which|who|is|are|was|were|be|'
    r'can|cannot|could|may|might|not|but|because|likely|yes|maybe|possibly|'
    r'objects?|things?|answer|caption)\b')

_REMARK = re.compile(r'\([^()]*\)')
_BEFORE = re.compile(
    r'(?:(?:an?|the|some|several|many|two|three|four|five|six|\d+|(?:group|'
    r'pair|couple|crowd|herd|flock|pack|set)s? of)\s+)+')
# In -s, -men or -a, and no plurals, or without another form.
_NO_PLURALS = frozenset("""
    abdomen atlas bagpipes barracks bias binoculars canvas chaos clothes
    cosmos gas glasses goggles headphones jeans lens media news opera pajamas
    pancreas pants pyjamas rhinoceros series shorts specimen stairs sunglasses
    thermos tights tongs trousers tweezers yes""".split())
# inflect takes every other word in -us and -is for a plural, too.
_SINGULARS = dict(
    clippers='clipper', emus='emu', erhus='erhu', skis='ski', taxis='taxi')


# Behind an article or a preposition a name isn't over, and 'etc' is none.
_NO_END = frozenset("""
    a an and by etc five for four from her his in its many my of on one or our
    several six some that the their these this those three to two with your
    """.split())


class AnswerError(ValueError):
    """An answer that names no objects; the message says why."""


def cue_schema(max_cues: int = 16) -> Dict[str, Any]:
    """The JSON schema of answers such as ``{"sounding_objects": ["dog"]}``.

    They have ``max_cues`` names at most, each of at most 31 characters.
    """
    name = dict(type='string', pattern=_NAME)
    return dict(
        type='object',
        properties={_KEY: dict(type='array', items=name, maxItems=max_cues)},
        required=[_KEY],
        additionalProperties=False)


def validate_answer(text: str,
                    schema: Optional[Dict[str, Any]] = None) -> List[str]:
    """The names in an answer; an AnswerError unless it is JSON that keeps the
    schema (by default :func:`cue_schema`'s own)."""
    wanted = (schema or cue_schema())['properties'][_KEY]
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise AnswerError(f'the answer is no JSON: {error}') from None
    names = answer.get(_KEY) if isinstance(answer, dict) else None
    if (not isinstance(names, list) or len(answer) > 1
            or len(names) > wanted['maxItems']):
        raise AnswerError(f'the answer is no object with "{_KEY}", a list of '
                          f'at most {wanted["maxItems"]} names, alone')
    for name in names:
        if not isinstance(name, str) or not re.fullmatch(
                wanted['items']['pattern'], name):
            raise AnswerError(f'{name!r:.80} in the answer is no name')
    return names


def strip_thinking(text: str) -> str:
    """An answer without what the model thought before it.

    Thoughts stand in ``<think>`` and similar tags, of which either may be
    missing, and in gpt-oss's channels but the last. '' if there is no more.
    """
    if '<|channel|>' in text:
        return ''.join(_FINAL.findall(text)[-1:]).strip()
    text = _THOUGHT.sub('', _ANALYSIS.sub('', text.lstrip()))
    # without an opening tag: the chat template had written it
    return re.split(_CLOSE, text, flags=re.I)[-1].strip()


def read_answer(text: str, cut: bool = False) -> List[str]:
    """Read an answer that keeps no schema.

    The names are those of the last JSON object with "sounding_objects", else
    those behind the last ``Answer:``, in a JSON list or separated by commas,
    else those of a JSON list, as :func:`normalise_cues` writes them. 'none'
    means that there are none. An AnswerError if there is no such place, or
    prose stands there, or the text was ``cut`` before the model went on with
    a turn that isn't its own.
    """
    text = strip_thinking(text)
    first, *more = _NEXT_TURN.split(text)
    answers = _HEADING.search(first) or _JSON.search(first)
    if cut and not (answers and more):
        raise AnswerError(CUT_OFF)
    text = _TAG.sub(' ', first if answers else text)
    *before, answer = _HEADING.split(text)
    found = _read_json(text, dict) or _read_json(answer, list)
    if not (found or before):
        raise AnswerError('the answer has neither JSON nor a line "Answer:"')
    line, _, below = _REMARK.sub(' ', answer).partition('\n')
    items = found[-1] if found else _SEPARATOR.split(
        line or below.strip().split('\n\n')[0])
    names = normalise_cues(items)
    for name in names:
        if len(name.split()) > 4 or not re.search('[a-z]{2}', name) \
                or _PROSE.search(name):
            raise AnswerError(f'"{name:.80}" in the answer is no name')
    return names


def _read_json(text: str, kind: type) -> List[List[str]]:
    """The lists of names in a text, each alone or in an object."""
    found = []
    for match in _JSON.findall(text):
        try:
            value = json.loads(match)
        except ValueError:
            continue
        names = value.get(_KEY) if isinstance(value, dict) else value
        if (isinstance(value, kind) and isinstance(names, list)
                and all(isinstance(name, str) for name in names)):
            found.append(names)
    return found


def normalise_cues(names: Iterable[str]) -> List[str]:
    """Each name once, as :func:`cue_name` writes it; 'none' is no name.

    Nor is one without an end, such as 'the' or 'man with a'. An AnswerError if
    nothing else is left.
    """
    names = list(names)
    something = [name for name in names if not _NOTHING.match(name)]
    cues = dict.fromkeys(
        cue for cue in map(cue_name, something)
        if cue and cue.split()[-1] not in _NO_END)
    if names and not cues and len(something) == len(names):
        raise AnswerError('the answer names nothing')
    return list(cues)


def cue_name(text: str) -> str:
    """Write a name as cues are written.

    In lower case, with spaces, without article, number or remark, the last
    word in the singular: 'hair dryer' for 'The two Hair-Dryers (on)'.
    """
    text = normalize_phrase(_REMARK.sub(' ', text))
    text = re.sub(r'^[\W\d_]+|\W+$', '', text)
    before = _BEFORE.match(text)
    *rest, last = text[before.end() if before else 0:].split() or ['']
    return ' '.join([*rest, singular(last)])


@functools.lru_cache(maxsize=4096)
def singular(word: str) -> str:
    """The singular of a noun in lower case; the word itself if it is one."""
    if word in _SINGULARS or word in _NO_PLURALS or len(word) < 3 \
            or not word.isalpha() or word.endswith(('ss', 'us', 'is')):
        return _SINGULARS.get(word, word)
    import inflect
    return inflect.engine().singular_noun(word) or word
