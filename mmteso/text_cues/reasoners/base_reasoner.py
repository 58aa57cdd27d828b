# Copyright (c) mmteso contributors. All rights reserved.
from abc import ABCMeta, abstractmethod
from typing import List, Sequence, Union

from ..parser import CueParseError, parse_cues
from ..prompt import Prompt, load_prompt
from ..structures import ChatFailure, Conversation, Frame, Reasoning


class BaseReasoner(metaclass=ABCMeta):
    """Names the objects of a scene that could sound (paper 3.2).

    Attributes:
        name (str): The model or rule, as the cue file records it.
        prompt_name (str): The prompt's name; '' without a prompt.
        prompt_hash (str): The prompt's hash; '' without a prompt.
        needs_caption (bool): Whether it reads the frames' descriptions.
    """

    name: str
    prompt_name: str = ''
    prompt_hash: str = ''
    needs_caption: bool = True

    def prepare(self, frames: Sequence[Frame]) -> None:
        """Check, before the first batch, that the frames can be served.

        Called once, with all frames that will be asked for. Does nothing by
        default; a reasoner that can tell already now that it would fail
        raises here, not after hours of work.

        Args:
            frames (Sequence[Frame]): The frames of the run.
        """

    @abstractmethod
    def reason(self, frames: Sequence[Frame],
               captions: Sequence[str]) -> List[Reasoning]:
        """Name the objects that could sound.

        Args:
            frames (Sequence[Frame]): A batch.
            captions (Sequence[str]): Their descriptions; empty strings if
                the reasoner doesn't need any.

        Returns:
            list[Reasoning]: One per frame.

        Raises:
            ModelUnavailableError: If no frame at all can be served.
        """


class PromptedReasoner(BaseReasoner):
    """A language model that is asked with one of the prompts.

    Its answers are parsed (:func:`mmteso.text_cues.parse_cues`). One that
    can't be parsed is asked for once more, with the prompt's stricter
    instruction; if that fails too, the frame has failed, and the record keeps
    both raw answers. Nothing is invented.

    Subclasses say in :meth:`chat` how the model is run.

    Args:
        prompt (str): Name of a prompt of :mod:`mmteso.text_cues.prompts`, or
            the path of a YAML file of the same form. Defaults to
            'few_shot_cot'.
        num_cues (int): Largest number of cues, N_T. Defaults to 4.
    """

    def __init__(self,
                 prompt: str = 'few_shot_cot',
                 num_cues: int = 4) -> None:
        if num_cues < 1:
            raise ValueError(f'num_cues must be at least 1, but got '
                             f'{num_cues}')
        self.prompt: Prompt = load_prompt(prompt)
        self.prompt_name = self.prompt.name
        self.prompt_hash = self.prompt.hash
        self.num_cues = num_cues

    @abstractmethod
    def chat(
        self, conversations: Sequence[Conversation]
    ) -> List[Union[str, ChatFailure]]:
        """Have the model answer.

        Args:
            conversations (Sequence[Conversation]): Chats that end with a
                message from the user.

        Returns:
            list[str | ChatFailure]: The model's answer to each.

        Raises:
            ModelUnavailableError: If no conversation can be served.
        """

    def _parse(self, answer: Union[str, ChatFailure]) -> Reasoning:
        if isinstance(answer, ChatFailure):
            return Reasoning((), error=answer.error)
        try:
            return Reasoning(parse_cues(answer, self.num_cues), answer)
        except CueParseError as error:
            return Reasoning((), answer, error=str(error))

    def reason(self, frames: Sequence[Frame],
               captions: Sequence[str]) -> List[Reasoning]:
        """See :meth:`BaseReasoner.reason`."""
        conversations = [self.prompt.conversation(c) for c in captions]
        answers = self.chat(conversations)
        found = [self._parse(answer) for answer in answers]
        # what the model could not answer at all was tried again already
        again = [
            i for i, reasoning in enumerate(found)
            if reasoning.failed and not isinstance(answers[i], ChatFailure)
        ]
        if not again:
            return found
        retries = self.chat([
            self.prompt.retry(conversations[i], found[i].text) for i in again
        ])
        for i, answer in zip(again, retries):
            first, second = found[i], self._parse(answer)
            said = [r.text for r in (first, second) if r.text.strip()]
            found[i] = second if not second.failed else Reasoning(
                (), '\n---\n'.join(said), second.error)
        return found
