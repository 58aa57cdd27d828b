# Copyright (c) mmteso contributors. All rights reserved.
"""Text generation with models of transformers."""
import contextlib
import logging
import threading
from typing import Any, Callable, Dict, List, Optional, Sequence, Union

from mmengine.logging import print_log

from .structures import ModelUnavailableError


class GPUMemoryError(ModelUnavailableError):
    """A batch for which the GPU's memory is too small."""


def import_transformers():
    """Import transformers.

    Returns:
        module: transformers.

    Raises:
        ImportError: If it isn't installed.
    """
    try:
        import transformers
    except ImportError as error:
        raise ImportError('Captioning and reasoning with local models needs '
                          "transformers: pip install 'mmteso[text]'"
                          ) from error
    return transformers


def check_generation(generation: Optional[dict],
                     max_new_tokens: int) -> Dict[str, Any]:
    """Complete the settings of text generation.

    Args:
        generation (dict, optional): Arguments of transformers' ``generate``.
        max_new_tokens (int): The default of the setting of that name.

    Returns:
        dict: The settings; greedy decoding unless they say otherwise.

    Raises:
        ValueError: If they ask for something else than one text per input.
    """
    settings = dict(max_new_tokens=max_new_tokens, do_sample=False)
    settings.update(generation or {})
    if settings['max_new_tokens'] < 1:
        raise ValueError('generation: max_new_tokens must be at least 1, but '
                         f'got {settings["max_new_tokens"]}')
    if (settings.get('num_return_sequences', 1) != 1
            or settings.get('return_dict_in_generate')):
        raise ValueError('generation: one text per input is needed, but got '
                         f'{generation}')
    return settings


class HFModel:
    """A loaded model with its processor.

    Captioner and reasoner may share one and run in two threads: its methods
    wait for each other, where the processor's own would not (padding and
    truncation are settings of a fast tokenizer, not of a call).

    Args:
        name (str): The model, for messages.
        model (PreTrainedModel): The model.
        processor (ProcessorMixin | PreTrainedTokenizerBase): What makes its
            inputs.

    Attributes:
        tokenizer (PreTrainedTokenizerBase): The processor's, padding on the
            left.

    Raises:
        ModelUnavailableError: If its processor makes no batches of text.
    """

    def __init__(self, name: str, model: Any, processor: Any) -> None:
        self.name = name
        self.model = model.eval()
        self.processor = processor
        self.tokenizer = getattr(processor, 'tokenizer', processor)
        # two, so that a batch can be prepared while another one is generated
        self._model_lock = threading.RLock()
        self._processor_lock = threading.RLock()
        if not hasattr(self.tokenizer, 'padding_side'):
            raise ModelUnavailableError(
                f'The model "{name}" comes with no tokenizer, but with a '
                f'{type(self.tokenizer).__name__}.')
        # the new tokens have to follow the prompt's, not its padding
        self.tokenizer.padding_side = 'left'
        if self.tokenizer.pad_token is None:
            if self.tokenizer.eos_token is None:
                raise ModelUnavailableError(
                    f'The tokenizer of "{name}" has neither a padding nor an '
                    'end token, so it makes no batches.')
            # as usual for LLaMA; padding is masked, so any token will do
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self._forget_generation_settings()

    def _forget_generation_settings(self) -> None:
        """Keep the checkpoint's special tokens only.

        Many checkpoints sample by default (LLaMA-2: temperature 0.6). What
        isn't in the config must not change the answers, nor must transformers
        warn of it in each batch.
        """
        transformers = import_transformers()
        kept = {
            key: value
            for key, value in self.model.generation_config.to_dict().items()
            if key.endswith('token_id') and value is not None
        }
        kept.setdefault('eos_token_id', self.tokenizer.eos_token_id)
        kept['pad_token_id'] = self.tokenizer.pad_token_id
        self.model.generation_config = transformers.GenerationConfig(**kept)

    @property
    def max_length(self) -> Optional[int]:
        """Most tokens of prompt and answer together; None if unknown."""
        config = self.model.config.get_text_config()
        return getattr(config, 'max_position_embeddings', None)

    def add_special_tokens(self, text: str) -> bool:
        """Whether a text of the processor's chat template still lacks <s>.

        The templates of processors may leave it to the tokenizer (LLaVA's
        does); those of plain tokenizers never do.

        Args:
            text (str): The text.

        Returns:
            bool: What to give the tokenizer as ``add_special_tokens``.
        """
        bos = self.tokenizer.bos_token
        return bos is None or not text.startswith(bos)

    def tokenize(self, text: Union[str, List[str]], **kwargs: Any) -> Any:
        """Call the tokenizer, one thread at a time.

        Args:
            text (str | list[str]): One text or several.
            **kwargs: Arguments of the tokenizer.

        Returns:
            BatchEncoding: What it makes of them.
        """
        with self._processor_lock:
            return self.tokenizer(text, **kwargs)

    def process(self, **kwargs: Any) -> Any:
        """Call the processor, one thread at a time.

        Args:
            **kwargs: Arguments of the processor.

        Returns:
            BatchFeature: What it makes of them.
        """
        with self._processor_lock:
            return self.processor(**kwargs)

    def apply_chat_template(self, owner: Any, conversation: List[dict],
                            **kwargs: Any) -> str:
        """Write a chat as text, one thread at a time.

        Args:
            owner (ProcessorMixin | PreTrainedTokenizerBase): What has the
                template: :attr:`processor` or :attr:`tokenizer`.
            conversation (list[dict]): The chat.
            **kwargs: Arguments of the owner's method of this name.

        Returns:
            str: The text.
        """
        with self._processor_lock:
            return owner.apply_chat_template(
                conversation, tokenize=False, **kwargs)

    def generate(self, inputs: Dict[str, Any],
                 generation: Dict[str, Any]) -> List[str]:
        """Have the model go on.

        Args:
            inputs (dict): A batch of the processor: ``input_ids`` and
                ``attention_mask``, both (B, L) and padded on the left, and
                whatever else the model reads.
            generation (dict): Arguments of transformers' ``generate``.

        Returns:
            list[str]: The B new texts, without the prompts, without special
            tokens, stripped.

        Raises:
            GPUMemoryError: If the GPU's memory is too small.
        """
        import torch
        model = self.model
        size, length = inputs['input_ids'].shape
        if not inputs['attention_mask'][:, -1].all():
            raise RuntimeError(f'The processor of "{self.name}" pads on the '
                               'right, although it was told not to.')
        # Captioner and reasoner may run in two threads, and each thread has
        # a current GPU of its own, which some kernels go by.
        current = torch.cuda.device(model.device) \
            if model.device.type == 'cuda' else contextlib.nullcontext()
        try:
            with self._model_lock, torch.inference_mode(), current:
                inputs = {
                    key: value.to(
                        model.device, model.dtype
                        if value.is_floating_point() else value.dtype)
                    if isinstance(value, torch.Tensor) else value
                    for key, value in inputs.items()
                }
                output = model.generate(**inputs, **generation)
        except torch.cuda.OutOfMemoryError as error:
            raise GPUMemoryError(
                f'The GPU ran out of memory with "{self.name}" and a batch of '
                f'{size} ({length} tokens, up to '
                f'{generation["max_new_tokens"]} new ones): {error} Take a '
                "smaller batch_size, dtype='bfloat16', 4 bits ("
                'quantization=dict(load_in_4bit=True)), or several GPUs '
                "(device_map='auto').") from error
        # models that read embeddings, or encode the prompt, don't repeat it
        if output.shape[1] >= length and torch.equal(output[:, :length],
                                                     inputs['input_ids']):
            output = output[:, length:]
        with self._processor_lock:
            texts = self.tokenizer.batch_decode(
                output, skip_special_tokens=True)
        return [text.strip() for text in texts]


class BatchedGeneration:
    """Generates batch by batch, in smaller ones where the GPU needs it.

    A batch for which the GPU's memory is too small is split in halves, down
    to single inputs, and the size that fits is kept from then on: a run of
    days doesn't end at one batch of long texts.

    Args:
        batch_size (int, optional): Most inputs at a time. Defaults to None:
            all that are there.

    Raises:
        ValueError: If the batch size is less than 1.
    """

    def __init__(self, batch_size: Optional[int] = None) -> None:
        if batch_size is not None and batch_size < 1:
            raise ValueError(f'batch_size must be at least 1, but got '
                             f'{batch_size}')
        self.batch_size = batch_size
        self._logged = False

    def __call__(self, model: HFModel, items: Sequence[Any],
                 make_inputs: Callable[[Sequence[Any]], Dict[str, Any]],
                 generation: Dict[str, Any]) -> List[str]:
        """Generate a text for each item.

        Args:
            model (HFModel): The model.
            items (Sequence): What the texts are to be about.
            make_inputs (Callable): Makes the model's inputs of some items.
            generation (dict): See :meth:`HFModel.generate`.

        Returns:
            list[str]: The texts, in the order of the items.

        Raises:
            GPUMemoryError: If the memory is too small for one item alone.
        """
        texts: List[str] = []
        while len(texts) < len(items):
            batch = items[len(texts):][:self.batch_size]
            try:
                texts += model.generate(make_inputs(batch), generation)
            except GPUMemoryError as error:
                if len(batch) == 1:
                    raise
                self._halve(len(batch), error)
            else:
                continue
            # after the except clause, whose error keeps the tensors alive
            if model.model.device.type == 'cuda':
                import torch
                torch.cuda.empty_cache()
        return texts

    def _halve(self, size: int, error: GPUMemoryError) -> None:
        self.batch_size = size // 2
        if not self._logged:
            self._logged = True
            print_log(
                f'{error} The run goes on with batches of '
                f'{self.batch_size}, or fewer if need be.',
                logger='current',
                level=logging.WARNING)
