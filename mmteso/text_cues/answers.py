# Copyright (c) mmteso contributors. All rights reserved.
"""From a language model's answer to the names of objects.

Cues are asked for in a JSON schema (:func:`cue_schema`). Whether an answer
keeps it has to be checked (:func:`validate_answer`), because some servers
accept a schema and ignore it. Answers in free text, with a last line
``Answer: guitar, man``, are read by :func:`read_answer`.
"""
import functools
import json
import re
from typing import Any, Dict, Iterable, List, Mapping, Optional, Union

from mmteso.io import normalize_phrase

_KEY = 'sounding_objects'
_NAME_LENGTH = 31
# A pattern, because some engines break strings with minLength or maxLength,
# and a string without bound may never end.
_NAME = f'^[a-z][a-z -]{{0,{_NAME_LENGTH - 1}}}$'

_THINK_OPEN = (r'<(?:seed:)?(?:think(?:ing)?|thought|reasoning)>|\[THINK\]|'
               r'<\|START_THINKING\|>|<\|channel>thought')
_THINK_CLOSE = (r'</(?:seed:)?(?:think(?:ing)?|thought|reasoning)>|'
                r'\[/THINK\]|<\|END_THINKING\|>|<channel\|>')
_THOUGHT = re.compile(rf'(?:{_THINK_OPEN}).*?(?:{_THINK_CLOSE}|\Z)',
                      re.I | re.S)
# gpt-oss's harmony format, also as it is decoded without special tokens
_HARMONY_FINAL = re.compile(
    r'<\|channel\|>final\b[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>')
_HARMONY_PLAIN = re.compile(r'analysis(?=[A-Z]).*?(?:assistantfinal|\Z)', re.S)

_TOKEN = re.compile(r'</?[^<>\s]{1,30}>')  # </s>, <|im_end|>, <b>
_HEADING = re.compile(
    r'^[^\w\n]*(?:final |the )?answer(?:[^\w\n]*:| is)[*_ \t]*', re.I | re.M)
# Where a model goes on with a conversation of its own
_NEXT_TURN = re.compile(
    r'<\|(?:im_end|eot_id|end|endoftext|return)\|>|</s>|<end_of_turn>|'
    r'^\W*(?:caption|question|user|human)\s*:', re.I | re.M)
_JSON = re.compile(r'\{[^{}]*\}|\[[^][{}]*\]')
_SEPARATOR = re.compile(r'[,;\n]|\band\b')
_REMARK = re.compile(r'\([^()]*\)')
_MAX_WORDS = 4
# What stands in no name, but in prose where names should be
_PROSE = re.compile(
    r'[:?!%=]|\b(?:i|it|they|you|there|this|that|which|who|is|are|was|were|be|'
    r'can|cannot|could|may|might|not|but|because|likely|yes|maybe|possibly|'
    r'objects?|things?|answer|caption)\b')

_BEFORE = re.compile(
    r'(?:(?:an?|the|some|several|many|two|three|four|five|six|\d+|(?:group|'
    r'pair|couple|crowd|herd|flock|pack|set)s? of)\s+)+')
_NOTHING = re.compile(
    r'(?:none|nothing|nobody|silence|n/a|no (?:\w+ )?(?:objects?|sounds?|'
    r'sources?))\b')

# Names in -s, -men, ... that are no plurals, or have no other form.
_NO_PLURALS = frozenset("""
    abdomen atlas bagpipes barracks bias binoculars canvas chaos clothes
    cosmos gas glasses goggles headphones jeans lens media news opera pajamas
    pancreas pants pyjamas rhinoceros series shorts specimen stairs sunglasses
    thermos tights tongs trousers tweezers yes""".split())
# Other words in -us and -is are singular.
_PLURALS_IN_US_OR_IS = frozenset(
    'bikinis emus erhus gnus kiwis menus skis taxis'.split())
_SINGULARS = dict(
    busses='bus', cacti='cactus', clippers='clipper', gasses='gas')


class AnswerError(ValueError):
    """An answer that names no objects; the message says why."""


def cue_schema(max_cues: int = 16) -> Dict[str, Any]:
    """The JSON schema of an answer: ``{"sounding_objects": ["guitar"]}``.

    Args:
        max_cues (int): Most names. Defaults to 16.

    Returns:
        dict: The schema. Every string and list of it has an end, so that no
        model runs on within it.
    """
    names = dict(
        type='array',
        items=dict(type='string', pattern=_NAME),
        maxItems=max_cues)
    return dict(
        type='object',
        properties={_KEY: names},
        required=[_KEY],
        additionalProperties=False)


def longest_answer(schema: Dict[str, Any]) -> int:
    """Most tokens of an answer in :func:`cue_schema`, its end included.

    Args:
        schema (dict): The schema.

    Returns:
        int: Its longest answer without white space, in characters, each of
        which is a token at most.
    """
    count = schema['properties'][_KEY]['maxItems']
    names = count * len(f'"{"n" * _NAME_LENGTH}",')
    return len(json.dumps({_KEY: []})) + names + 1


def validate_answer(text: str,
                    schema: Optional[Dict[str, Any]] = None) -> List[str]:
    """Read an answer that was to keep a schema, and check that it does.

    Args:
        text (str): The answer, nothing but JSON.
        schema (dict, optional): What :func:`cue_schema` returned. Defaults to
            None: its default.

    Returns:
        list[str]: The names.

    Raises:
        AnswerError: If the answer isn't JSON of the schema.
    """
    wanted = (schema or cue_schema())['properties'][_KEY]
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise AnswerError(f'the answer is no JSON: {error}') from None
    names = answer.get(_KEY) if isinstance(answer, dict) else None
    if not isinstance(names, list) or len(answer) > 1:
        raise AnswerError(f'the answer is no object with "{_KEY}" alone')
    if len(names) > wanted['maxItems']:
        raise AnswerError(f'the answer has {len(names)} names, but at most '
                          f'{wanted["maxItems"]} were asked for')
    for name in names:
        if not isinstance(name, str) or not re.fullmatch(
                wanted['items']['pattern'], name):
            raise AnswerError(f'{name!r:.80} in the answer is no name')
    return names


def strip_thinking(message: Union[str, Mapping[str, Any]]) -> str:
    """The answer without what the model thought before it.

    Args:
        message (str | Mapping): What the model wrote, or a message of a chat
            completion, of which the fields for thoughts ("reasoning",
            "reasoning_content") are left out. Thoughts in the text are those
            in ``<think>`` and similar tags, of which either may be missing,
            and all of gpt-oss's channels but the final one.

    Returns:
        str: The answer; '' if the model didn't come to one.
    """
    if not isinstance(message, str):
        message = message.get('content') or ''
    if '<|channel|>' in message:
        final = _HARMONY_FINAL.split(message)
        return re.split(r'<\|', final[-1])[0].strip() if final[1:] else ''
    text = message.lstrip()
    match = _HARMONY_PLAIN.match(text)
    text = _THOUGHT.sub('', text[match.end():] if match else text)
    # without an opening tag: the chat template had written it
    return re.split(_THINK_CLOSE, text, flags=re.I)[-1].strip()


def read_answer(text: str) -> List[str]:
    """Read an answer that keeps no schema.

    The names are those of the last JSON object with "sounding_objects", else
    those behind the last ``Answer:``, in a JSON list or separated by commas.
    Without heading a JSON list is enough. 'none' means that there are none.

    Args:
        text (str): The answer, with or without thoughts.

    Returns:
        list[str]: The names, as :func:`normalise_cues` writes them.

    Raises:
        AnswerError: If there is no such place, or what stands there is prose.
    """
    text = strip_thinking(text)
    turn = _NEXT_TURN.search(text)
    if turn and text[:turn.start()].strip():
        text = text[:turn.start()]
    text = _TOKEN.sub(' ', text).strip()
    if not text:
        raise AnswerError('the answer is empty, or ends within its reasoning')
    found = [value for value in _read_json(text) if isinstance(value, dict)]
    if found:
        return _names(found[-1][_KEY])
    *before, answer = _HEADING.split(text)
    lists = list(_read_json(answer))
    if lists:
        return _names(lists[-1])
    if not before:
        raise AnswerError('the answer has neither JSON nor a line "Answer:"')
    line, _, below = _REMARK.sub(' ', answer).partition('\n')
    return _names(_SEPARATOR.split(line or below.strip().split('\n\n')[0]))


def _read_json(text: str) -> Iterable[Union[dict, list]]:
    """Objects with names, and lists of strings."""
    for match in _JSON.finditer(text):
        try:
            value = json.loads(match.group())
        except ValueError:
            continue
        names = value.get(_KEY) if isinstance(value, dict) else value
        if isinstance(names, list) and all(
                isinstance(name, str) for name in names):
            yield value


def _names(items: List[str]) -> List[str]:
    names = normalise_cues(items)
    for name in names:
        if (len(name.split()) > _MAX_WORDS or _PROSE.search(name)
                or not re.search('[a-z]{2}', name)):
            raise AnswerError(f'"{name:.80}" in the answer is no name')
    if not names and items and not any(map(_is_nothing, items)):
        raise AnswerError('the answer names nothing')
    return names


def _is_nothing(name: str) -> bool:
    return bool(_NOTHING.match(name.strip(' \t"\'.*-').lower()))


def normalise_cues(names: Iterable[str]) -> List[str]:
    """Each name once, as :func:`cue_name` writes it; 'none' is no name."""
    cues = (cue_name(name) for name in names if not _is_nothing(name))
    return list(dict.fromkeys(filter(None, cues)))


def cue_name(text: str) -> str:
    """Write a name as cues are written.

    Args:
        text (str): The name, as a model wrote it: 'The Two Hair-Dryers.'

    Returns:
        str: In lower case, words separated by spaces, without article,
        number or remarks in brackets, the last word in the singular: 'hair
        dryer'.
    """
    text = normalize_phrase(_REMARK.sub(' ', text))
    text = re.sub(r'^[\W\d_]+|[^\w]+$', '', text)
    text = _BEFORE.sub('', text, 1) if _BEFORE.match(text) else text
    *rest, last = text.split() or ['']
    return ' '.join([*rest, singular(last)])


@functools.lru_cache(maxsize=None)
def _inflect() -> Any:
    import inflect
    return inflect.engine()


@functools.lru_cache(maxsize=4096)
def singular(word: str) -> str:
    """The singular of a noun in lower case; the word itself if it is one."""
    if word in _SINGULARS:
        return _SINGULARS[word]
    if (len(word) < 3 or not word.isalpha() or word in _NO_PLURALS
            or word.endswith('ss')
            or (word.endswith(('us', 'is'))
                and word not in _PLURALS_IN_US_OR_IS)):
        return word
    return _inflect().singular_noun(word) or word
