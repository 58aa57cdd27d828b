# Copyright (c) mmteso contributors. All rights reserved.
from typing import Any, List, Optional, Sequence, Union

from ..hf_loading import HFModelSource
from ..hf_models import BatchedGeneration, HFModel, check_generation
from ..registry import REASONERS
from ..structures import (ChatFailure, Conversation, Frame,
                          ModelUnavailableError)
from .base_reasoner import PromptedReasoner


def fold_system(conversation: Conversation) -> Conversation:
    """Move the system message into the first message of the user.

    For models that weren't trained with system messages.

    Args:
        conversation (Conversation): The chat; it isn't changed.

    Returns:
        Conversation: The chat without system message.
    """
    if conversation[0]['role'] != 'system':
        return conversation
    system, user, *rest = conversation
    content = f'{system["content"]}\n\n{user["content"]}'
    return [dict(role='user', content=content), *rest]


@REASONERS.register_module()
class TransformersReasoner(PromptedReasoner):
    """A chat model of transformers as reasoner (paper 3.2).

    Any causal language model with a chat template. A template that refuses
    or drops the prompt's system message gets it at the head of the first
    message of the user.

    Args:
        model (str): Name on the Hugging Face Hub, or a local folder. Defaults
            to 'meta-llama/Llama-2-7b-chat-hf', the paper's.
        prompt (str): See :class:`PromptedReasoner`. Defaults to
            'few_shot_cot'.
        num_cues (int): Largest number of cues, N_T. Defaults to 4.
        generation (dict, optional): Arguments of transformers' ``generate``.
            The checkpoint's own settings are not used. Defaults to None:
            greedy decoding, at most 512 new tokens [ours].
        batch_size (int, optional): Most conversations at a time. Defaults to
            None: all that :meth:`chat` is given. Halved, with a warning,
            where the GPU's memory is too small.
        chat_template (str, optional): A Jinja template to use instead of the
            model's, or for want of it. Defaults to None.
        template_kwargs (dict, optional): More variables of the chat template,
            e.g. ``dict(enable_thinking=False)``. Defaults to None.
        **kwargs: Revision, precision, device, quantization: see
            :class:`mmteso.text_cues.hf_loading.HFModelSource`.
    """

    kind = 'causal-lm'

    def __init__(self,
                 model: str = 'meta-llama/Llama-2-7b-chat-hf',
                 prompt: str = 'few_shot_cot',
                 num_cues: int = 4,
                 generation: Optional[dict] = None,
                 batch_size: Optional[int] = None,
                 chat_template: Optional[str] = None,
                 template_kwargs: Optional[dict] = None,
                 **kwargs: Any) -> None:
        super().__init__(prompt, num_cues)
        self.source = HFModelSource(self.kind, model, **kwargs)
        self.name = self.source.name
        self.generation = check_generation(generation, max_new_tokens=512)
        self._generate = BatchedGeneration(batch_size)
        self.chat_template = chat_template
        self.template_kwargs = dict(template_kwargs or {})
        self._model: Optional[HFModel] = None

    @property
    def model(self) -> HFModel:
        """The model, loaded when it is first asked for.

        Raises:
            ModelUnavailableError: If it can't be loaded, or has no chat
                template.
        """
        if self._model is None:
            model = self.source.load()
            owner = self._template_owner(model)
            if not (self.chat_template or owner.chat_template):
                raise ModelUnavailableError(
                    f'The model "{self.name}" has no chat template. Take one '
                    'that was trained for chats ("chat", "instruct"), or give '
                    'chat_template.')
            self._model = model
        return self._model

    def _template_owner(self, model: HFModel) -> Any:
        """What has the chat template: the tokenizer, or the processor."""
        return model.tokenizer

    def _messages(self, conversation: Conversation) -> List[dict]:
        """The chat in the form that the template reads."""
        return conversation

    def _tokenize(self, text: Union[str, List[str]], **kwargs: Any):
        # chat templates of causal language models hold all special tokens
        return self.model.tokenize(text, add_special_tokens=False, **kwargs)

    def _inputs(self, texts: Sequence[str]) -> dict:
        """A batch for the model."""
        return self._tokenize(list(texts), padding=True, return_tensors='pt')

    def _apply_template(self, conversation: Conversation) -> str:
        return self.model.apply_chat_template(
            self._template_owner(self.model),
            self._messages(conversation),
            chat_template=self.chat_template,
            add_generation_prompt=True,
            **self.template_kwargs)

    def render(self, conversation: Conversation) -> str:
        """Write a conversation as the model was trained to read it.

        Args:
            conversation (Conversation): The chat.

        Returns:
            str: The text, which ends where the model's answer begins.

        Raises:
            ModelUnavailableError: If the chat template refuses it.
        """
        from jinja2 import TemplateError
        try:
            if conversation[0]['role'] == 'system':
                try:
                    text = self._apply_template(conversation)
                    if conversation[0]['content'].strip() in text:
                        return text
                except TemplateError:
                    pass  # no system role: next as part of the question
            return self._apply_template(fold_system(conversation))
        except TemplateError as error:
            raise ModelUnavailableError(
                f'The chat template of "{self.name}" refuses the prompt '
                f'"{self.prompt_name}": {error}') from error

    def prepare(self, frames: Sequence[Frame]) -> None:
        """Load the model: see :meth:`BaseReasoner.prepare`."""
        self.render(self.prompt.conversation('A man plays the guitar.'))

    def chat(
        self, conversations: Sequence[Conversation]
    ) -> List[Union[str, ChatFailure]]:
        """See :meth:`PromptedReasoner.chat`.

        A conversation that is too long for the model fails by itself.
        """
        model = self.model
        new, limit = self.generation['max_new_tokens'], model.max_length
        answers: List[Union[str, ChatFailure, None]] = [None] * len(
            conversations)
        waiting = []
        for place, conversation in enumerate(conversations):
            text = self.render(conversation)
            length = len(self._tokenize(text)['input_ids'])
            if limit is None or length + new <= limit:
                waiting.append((place, text))
            else:
                answers[place] = ChatFailure(
                    f'The prompt ({length} tokens) and the answer (up to '
                    f'{new}) are longer than the {limit} tokens of '
                    f'"{self.name}".')
        generated = self._generate(
            model, [text for _, text in waiting], self._inputs,
            self.generation)
        for (place, _), answer in zip(waiting, generated):
            answers[place] = answer
        return answers
