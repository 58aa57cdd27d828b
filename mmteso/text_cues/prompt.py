# Copyright (c) mmteso contributors. All rights reserved.
"""Prompts: the data files that say how the models are asked.

A file per prompt, in ``mmteso/text_cues/prompts``. There are two kinds:

* prompts of the reasoner, one for each row of the paper's table G9
  (:func:`load_prompt`), and
* prompts of the captioner, whose names start with ``caption_``
  (:func:`load_caption_prompt`).

A prompt is chosen by its name, or, if it is your own, by the path of its
file, which ends in ``.yaml`` or ``.yml``. Its hash, that of the file's bytes,
is written into the cue file, so that cues can be traced to the very words
that the model was asked with.
"""
import dataclasses
import hashlib
import os
from typing import Any, Dict, Mapping, NamedTuple, Optional, Tuple

from mmteso.io import parse_yaml
from .parser import CueParseError, parse_cues
from .structures import Conversation

PROMPT_DIR = os.path.join(os.path.dirname(__file__), 'prompts')
_CAPTION_PREFIX = 'caption_'
_SUFFIXES = ('.yaml', '.yml')
_SLOT = '{caption}'
# Of an answer that couldn't be parsed, this much is shown to the model again:
# enough to see what was wrong with it, and a runaway answer can't fill the
# context.
_SHOWN_CHARS = 1000


class PromptError(ValueError):
    """A prompt file that doesn't follow the format."""


class Demonstration(NamedTuple):
    """One example in a prompt: a description and the answer wanted for it.

    Attributes:
        caption (str): The description.
        answer (str): The answer, as a model should give it.
        cues (tuple[str]): What the answer says, most likely object first.
    """
    caption: str
    answer: str
    cues: Tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class CaptionPrompt:
    """What a captioner is asked.

    Args:
        name (str): The prompt's name.
        hash (str): SHA-256 of the file's bytes, in hex.
        text (str): The question.
        origin (str): 'paper' if the text is the paper's word for word, 'ours'
            if not.
    """
    name: str
    hash: str
    text: str
    origin: str


@dataclasses.dataclass(frozen=True)
class Prompt:
    """How a reasoner is asked for the objects of a description.

    Args:
        name (str): The prompt's name.
        hash (str): SHA-256 of the file's bytes, in hex.
        kind (str): What kind of prompt it is, for people.
        origin (str): 'paper' if ``instruction`` is the paper's word for
            word, 'ours' if it isn't. All other texts are ours.
        instruction (str): What is asked for.
        answer_format (str): How the answer has to end, so that it can be
            parsed.
        retry_instruction (str): The stricter instruction that follows an
            answer which could not be parsed.
        input (str): How a description is given: a text with ``{caption}``
            in it, once.
        demonstrations (tuple[Demonstration]): Examples, given as a
            conversation that has taken place already. Defaults to none.
        system (str): The system message. Defaults to '', no such message.
        number (int, optional): The prompt's number in table G9 of the paper.
            Defaults to None.
    """
    name: str
    hash: str
    kind: str
    origin: str
    instruction: str
    answer_format: str
    retry_instruction: str
    input: str
    demonstrations: Tuple[Demonstration, ...] = ()
    system: str = ''
    number: Optional[int] = None

    def _ask(self, caption: str, first: bool) -> Dict[str, str]:
        before, after = self.input.split(_SLOT)
        # One line, so that no line of a description can pass for one of the
        # prompt's own. Put together, not formatted: a description may hold
        # braces.
        text = before + ' '.join(caption.split()) + after
        if first:
            text = f'{self.instruction}\n\n{self.answer_format}\n\n{text}'
        return dict(role='user', content=text)

    def conversation(self, caption: str) -> Conversation:
        """Ask for the objects of a description.

        Args:
            caption (str): The description; any text.

        Returns:
            Conversation: The system message if there is one, the
            demonstrations as turns of user and assistant, and the question.
            The instruction stands in the first turn of the user.
        """
        messages = []
        if self.system:
            messages.append(dict(role='system', content=self.system))
        for i, shown in enumerate(self.demonstrations):
            messages.append(self._ask(shown.caption, first=i == 0))
            messages.append(dict(role='assistant', content=shown.answer))
        messages.append(self._ask(caption, first=not self.demonstrations))
        return messages

    def retry(self, conversation: Conversation, answer: str) -> Conversation:
        """Ask once more, after an answer that could not be parsed.

        Args:
            conversation (Conversation): What was asked; it isn't changed.
            answer (str): The answer; at most its first 1000 characters are
                repeated.

        Returns:
            Conversation: The conversation, the answer and the stricter
            instruction. After a blank answer the instruction follows the
            question at once, because servers refuse empty messages.
        """
        answer = answer.strip()[:_SHOWN_CHARS]
        if answer:
            return conversation + [
                dict(role='assistant', content=answer),
                dict(role='user', content=self.retry_instruction)
            ]
        *before, last = conversation
        content = f'{last["content"]}\n\n{self.retry_instruction}'
        return before + [dict(role='user', content=content)]


def _names(caption: bool) -> Tuple[str, ...]:
    found = []
    for file in os.listdir(PROMPT_DIR):
        name, suffix = os.path.splitext(file)
        if (suffix in _SUFFIXES
                and name.startswith(_CAPTION_PREFIX) == caption):
            found.append(name)
    return tuple(sorted(found))


def prompt_names() -> Tuple[str, ...]:
    """Names of the reasoner's prompts that come with the package.

    Returns:
        tuple[str]: The names, sorted.
    """
    return _names(caption=False)


def caption_prompt_names() -> Tuple[str, ...]:
    """Names of the captioner's prompts that come with the package.

    Returns:
        tuple[str]: The names, sorted.
    """
    return _names(caption=True)


def _read(name_or_path: str, names: Tuple[str, ...],
          what: str) -> Tuple[str, str, Any]:
    """Find a prompt's file and read it: path, hash, content."""
    if not isinstance(name_or_path, (str, os.PathLike)):
        raise TypeError(f'A {what} is chosen by its name or the path of its '
                        f'file, but got {name_or_path!r}.')
    path = os.fspath(name_or_path)
    if path in names:
        path = os.path.join(PROMPT_DIR, f'{path}.yaml')
    elif not path.endswith(_SUFFIXES):
        raise PromptError(
            f'There is no {what} "{path}". Known are {", ".join(names)}; the '
            'path of your own file ends in .yaml or .yml.')
    try:
        with open(path, 'rb') as file:
            content = file.read()
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f'The {what} file "{path}" does not exist. Known by name are '
            f'{", ".join(names)}.') from error
    try:
        values = parse_yaml(content)
    except ValueError as error:
        raise PromptError(f'{path} is not a YAML file: {error}') from error
    return path, hashlib.sha256(content).hexdigest(), values


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


# What a value has to be -> whether it is.
_FITS = {
    'a text': _is_text,
    'a whole number': lambda value: type(value) is int,
    'a list': lambda value: isinstance(value, list),
    'a list of texts': lambda value: isinstance(value, list) and all(
        map(_is_text, value)),
    "'paper' or 'ours'": lambda value: value in ('paper', 'ours'),
}


def _check_keys(where: str, values: Any, required: Mapping[str, str],
                optional: Mapping[str, str]) -> None:
    """Compare a mapping's keys and types with what they should be."""
    if not isinstance(values, dict):
        raise PromptError(f'{where}: a mapping with the keys '
                          f'{", ".join(required)} is expected, but got '
                          f'{values!r:.80}.')
    known = {**required, **optional}
    missing = [key for key in required if key not in values]
    if missing:
        raise PromptError(f'{where}: missing {", ".join(missing)}.')
    unknown = [str(key) for key in values if key not in known]
    if unknown:
        raise PromptError(f'{where}: unknown {", ".join(unknown)}; known are '
                          f'{", ".join(known)}.')
    for key, value in values.items():
        if not _FITS[known[key]](value):
            raise PromptError(f'{where}: "{key}" must be {known[key]}, but '
                              f'got {value!r:.80}.')


def _demonstration(where: str, values: Any) -> Demonstration:
    _check_keys(where, values,
                dict(
                    caption='a text', answer='a text',
                    cues='a list of texts'), {})
    shown = Demonstration(values['caption'].strip(), values['answer'].strip(),
                          tuple(values['cues']))
    try:
        found = parse_cues(shown.answer, max(1, len(shown.cues)))
    except CueParseError as error:
        raise PromptError(f'{where}: "answer" can\'t be parsed: '
                          f'{error}') from error
    if found != shown.cues:
        raise PromptError(f'{where}: "cues" is {list(shown.cues)}, but '
                          f'"answer" is parsed as {list(found)}.')
    return shown


def load_prompt(name_or_path: str) -> Prompt:
    """Read a prompt of the reasoner.

    Args:
        name_or_path (str): One of :func:`prompt_names`, or the path of a file
            of the same form that ends in ``.yaml`` or ``.yml``.

    Returns:
        Prompt: The prompt.

    Raises:
        FileNotFoundError: If there is no such file.
        PromptError: If there is no such prompt, or the file lacks a key, has
            an unknown one or a value of another type, or the answer of a
            demonstration isn't parsed to the cues beside it.
        TypeError: If neither a name nor a path is given.
    """
    path, digest, values = _read(name_or_path, prompt_names(), 'prompt')
    _check_keys(
        path, values,
        dict(
            name='a text',
            kind='a text',
            origin="'paper' or 'ours'",
            instruction='a text',
            answer_format='a text',
            retry_instruction='a text',
            input='a text'),
        dict(
            number='a whole number',
            system='a text',
            demonstrations='a list'))
    if values['input'].count(_SLOT) != 1:
        raise PromptError(f'{path}: "input" must have {_SLOT} in it, once, '
                          f'but is {values["input"]!r}.')
    values = {
        key: value.strip() if isinstance(value, str) else value
        for key, value in values.items()
    }
    shown = tuple(
        _demonstration(f'{path}, demonstration {i}', value)
        for i, value in enumerate(values.pop('demonstrations', []), start=1))
    return Prompt(hash=digest, demonstrations=shown, **values)


def load_caption_prompt(name_or_path: str) -> CaptionPrompt:
    """Read a prompt of the captioner.

    Args:
        name_or_path (str): One of :func:`caption_prompt_names`, or the path
            of a file of the same form that ends in ``.yaml`` or ``.yml``.

    Returns:
        CaptionPrompt: The prompt.

    Raises:
        FileNotFoundError: If there is no such file.
        PromptError: If there is no such prompt, or the file lacks a key, has
            an unknown one or a value of another type.
        TypeError: If neither a name nor a path is given.
    """
    path, digest, values = _read(name_or_path, caption_prompt_names(),
                                 'caption prompt')
    _check_keys(path, values,
                dict(name='a text', origin="'paper' or 'ours'", text='a text'),
                {})
    return CaptionPrompt(
        hash=digest,
        **{key: value.strip() for key, value in values.items()})
