# Copyright (c) mmteso contributors. All rights reserved.
"""Text generation with models of transformers."""
import contextlib
import threading
from typing import Any, Dict, List, Optional

from .structures import ModelUnavailableError


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
        self._lock = threading.RLock()
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
            ModelUnavailableError: If the GPU's memory is too small.
        """
        import torch
        model = self.model
        size, length = inputs['input_ids'].shape
        if not inputs['attention_mask'][:, -1].all():
            raise RuntimeError(f'The processor of "{self.name}" pads on the '
                               'right, although it was told not to.')
        inputs = {
            key: value.to(
                model.device,
                model.dtype if value.is_floating_point() else value.dtype)
            if isinstance(value, torch.Tensor) else value
            for key, value in inputs.items()
        }
        # Captioner and reasoner may run in two threads, and each thread has
        # a current GPU of its own, which some kernels go by.
        current = torch.cuda.device(model.device) \
            if model.device.type == 'cuda' else contextlib.nullcontext()
        try:
            with self._lock, torch.inference_mode(), current:
                output = model.generate(**inputs, **generation)
        except torch.cuda.OutOfMemoryError as error:
            raise ModelUnavailableError(
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
        texts = self.tokenizer.batch_decode(
            output, skip_special_tokens=True)
        return [text.strip() for text in texts]
