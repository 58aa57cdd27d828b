# Copyright (c) mmteso contributors. All rights reserved.
"""Prompts: the data files that say how the models are asked.

A file per prompt, in ``mmteso/text_cues/prompts``: those of the reasoner, one
for each row of the paper's table G9, and those of the captioner, whose names
start with ``caption_``. A prompt is chosen by its name or, if it is your own,
by the path of its file, which ends in ``.yaml`` or ``.yml``. The hash of its
bytes is written into the cue file.
"""
import hashlib
import json
import os
from typing import Optional, Tuple

import msgspec

from mmteso.io import parse_yaml
from .base import Conversation

PROMPT_DIR = os.path.join(os.path.dirname(__file__), 'prompts')
_SLOT = '{caption}'


class PromptError(ValueError):
    """A prompt file that doesn't follow the format."""


class Demonstration(msgspec.Struct, frozen=True):
    """A description, the answer that a model should give, and its cues."""
    caption: str
    answer: str
    cues: Tuple[str, ...]


class CaptionPrompt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a captioner is asked; see :class:`Prompt`."""
    name: str
    text: str
    origin: str
    hash: str = ''


class Prompt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a reasoner is asked for the objects of a description."""
    name: str
    kind: str  # for people
    # 'paper' if `instruction` is the paper's word for word, 'ours' if it
    # isn't; all other texts are ours
    origin: str
    instruction: str
    answer_format: str  # how the free answer has to end
    extraction: str  # the second turn: the answer's objects as JSON
    # how a description is given: {caption}, a JSON string, in a text, once
    input: str
    # given as a conversation that has taken place already
    demonstrations: Tuple[Demonstration, ...] = ()
    system: str = ''  # the system message, if any
    number: Optional[int] = None  # in the paper's table G9
    hash: str = ''  # SHA-256 of the file's bytes, in hex

    def conversation(self, caption: str) -> Conversation:
        """Ask for the objects of a description, after the demonstrations.

        The instruction stands in the first turn of the user.
        """
        messages = []
        if self.system:
            messages.append(dict(role='system', content=self.system))
        head = f'{self.instruction}\n\n{self.answer_format}\n\n'
        for text, answer in [(shown.caption, shown.answer)
                             for shown in self.demonstrations
                             ] + [(caption, None)]:
            # One line in quotes that nothing in it ends, so that no part of a
            # description can pass for the prompt's own; not formatted, as it
            # may hold braces.
            quoted = json.dumps(' '.join(text.split()), ensure_ascii=False)
            text = head + self.input.replace(_SLOT, quoted)
            head = ''
            messages.append(dict(role='user', content=text))
            if answer is not None:
                messages.append(dict(role='assistant', content=answer))
        return messages

    def extract(self, conversation: Conversation, answer: str
                ) -> Conversation:
        """The conversation, its free answer, and the second turn."""
        return conversation + [
            dict(role='assistant', content=answer),
            dict(role='user', content=self.extraction)
        ]


def prompt_names(caption: bool = False) -> Tuple[str, ...]:
    """Names of the package's prompts of the reasoner, or the captioner."""
    names = (os.path.splitext(name) for name in os.listdir(PROMPT_DIR))
    return tuple(
        sorted(name for name, suffix in names if suffix == '.yaml'
               and name.startswith('caption_') == caption))


def _read(name_or_path: str, kind: type):
    """Read a file of prompts, whose keys are the fields of a class."""
    path = name_or_path
    if not path.endswith(('.yaml', '.yml')):
        path = os.path.join(PROMPT_DIR, f'{path}.yaml')
    try:
        with open(path, 'rb') as file:
            content = file.read()
    except FileNotFoundError as error:
        names = prompt_names(kind is CaptionPrompt)
        raise FileNotFoundError(
            f'The prompt "{path}" does not exist. Known by name are '
            f'{", ".join(names)}; the path of your own ends in .yaml.'
        ) from error
    try:
        values = parse_yaml(content)
        if 'hash' in values:
            raise ValueError('"hash" is made of the file')
        for texts in (values, *(values.get('demonstrations') or ())):
            texts.update((key, text.strip()) for key, text in texts.items()
                         if isinstance(text, str))
        values['hash'] = hashlib.sha256(content).hexdigest()
        prompt = msgspec.convert(values, kind)
        if kind is Prompt and prompt.input.count(_SLOT) != 1:
            raise ValueError(f'"input" must have {_SLOT} in it, once')
    except (AttributeError, TypeError, ValueError,
            msgspec.ValidationError) as error:
        raise PromptError(f'{path}: {error}. Its keys are '
                          f'{", ".join(kind.__struct_fields__[:-1])}.'
                          ) from error
    return prompt


def load_prompt(name_or_path: str) -> Prompt:
    """Read a prompt of the reasoner, by its name or its file's path; a
    PromptError if the file lacks a key, has an unknown one or a value of
    another type."""
    return _read(name_or_path, Prompt)


def load_caption_prompt(name_or_path: str) -> CaptionPrompt:
    """Read a prompt of the captioner: see :func:`load_prompt`."""
    return _read(name_or_path, CaptionPrompt)
