# Copyright (c) mmteso contributors. All rights reserved.
"""Models of transformers: loading them, once each, and generating text."""
import functools
import json
import os
import re
import threading
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Union

from mmteso.logs import warn
from .base import CutText, ModelUnavailableError
from .constrained import JSONConstraint, longest_answer

_DTYPES = dict(bf16='bfloat16', fp16='float16', fp32='float32')


class LoadedModel(NamedTuple):
    """A model in memory; the lock is for those who share it."""
    model: Any
    processor: Any
    tokenizer: Any
    lock: Any


class LocalModel:
    """A model of transformers, which is loaded when it is first used.

    Equal arguments give the same weights in memory, so that captioner and
    reasoner may share them.

    Args:
        kind (str): 'image-text', a model that reads images and text, or
            'causal-lm', one that reads text.
        model (str): Its name on the Hugging Face Hub, or a local folder.
        generation (dict, optional): Arguments of transformers' ``generate``;
            greedy by default. The checkpoint's own settings are not used.
        max_new_tokens (int): The default of that setting.
        batch_size (int, optional): Most texts at a time, by default all;
            reduced where the GPU's memory is too small.
        name (str, optional): How the cue file calls it, by default by its
            name, with revision and number of bits, or its folder's name.
        **loading: ``revision`` and ``trust_remote_code`` as in transformers;
            ``dtype``, 'bfloat16' (or 'bf16'), ..., or 'auto', the
            checkpoint's own on a GPU and float32 on the CPU; ``device``, by
            default the GPU of ``LOCAL_RANK``, which ``torchrun`` sets, or the
            CPU; ``device_map`` in place of it, e.g. 'auto';
            ``quantization``, the arguments of ``BitsAndBytesConfig``;
            ``model_kwargs`` and ``processor_kwargs``, more arguments of their
            ``from_pretrained``.
    """

    def __init__(self, kind: str, model: str,
                 generation: Optional[dict] = None, max_new_tokens: int = 512,
                 batch_size: Optional[int] = None, name: Optional[str] = None,
                 **loading: Any) -> None:
        model = os.path.expanduser(model)
        if name is None:
            # not the path: a cue file is to be the same on each machine
            name = os.path.basename(os.path.abspath(model)) if os.path.isdir(
                model) else model
            if loading.get('revision'):
                name += f'@{loading["revision"]}'
            for bits in (4, 8):
                if (loading.get('quantization') or {}).get(
                        f'load_in_{bits}bit'):
                    name += f' ({bits} bits)'
        self.name = name
        self.generation = dict(
            dict(max_new_tokens=max_new_tokens, do_sample=False),
            **generation or {})
        self.batch_size = batch_size
        # as JSON, options can be compared
        self._load = functools.partial(
            _load, kind, model, json.dumps(loading, sort_keys=True))
        self._constraints: Dict[str, JSONConstraint] = {}

    @property
    def loaded(self) -> LoadedModel:
        """Model, processor and tokenizer, loaded now if need be."""
        return self._load()

    def render(self, messages: List[dict], **kwargs: Any) -> str:
        """A chat as the model was trained to read it, up to the answer.

        Special tokens in the texts, which would end a turn, are left out.
        ``chat_template`` is used instead of the model's; all other arguments
        are variables of the template.
        """
        from jinja2 import TemplateError
        _, processor, tokenizer, _ = self.loaded
        special = {*tokenizer.all_special_tokens, *(
            token.content for token in tokenizer.added_tokens_decoder.values()
            if token.special)}
        pattern = '|'.join(
            map(re.escape, sorted(special, key=len, reverse=True))) or '(?!)'
        chat = []
        for message in messages:
            content = message['content']
            if isinstance(content, str):
                content = re.sub(pattern, ' ', content)
                if processor is not tokenizer:
                    # the templates of processors read contents in parts
                    content = [dict(type='text', text=content)]
            chat.append(dict(message, content=content))
        try:
            return processor.apply_chat_template(
                chat, tokenize=False, add_generation_prompt=True, **kwargs)
        except (TemplateError, ValueError) as error:
            raise ModelUnavailableError(
                f'"{self.name}" has no chat template, or it refuses the '
                f'prompt: {error} Take a model that was trained for chats, or '
                'give chat_template (of a captioner: template).') from error

    def excess(self, text: str, max_new_tokens: int) -> float:
        """Tokens by which a text and its answer are too long, if positive."""
        model, _, tokenizer, _ = self.loaded
        limit = getattr(model.config.get_text_config(),
                        'max_position_embeddings', None) or float('inf')
        length = len(tokenizer(text, add_special_tokens=False).input_ids)
        return length + max_new_tokens - limit

    def constrain(self, schema: dict) -> Dict[str, Any]:
        """Arguments of :meth:`generate` for answers that keep a schema."""
        key = json.dumps(schema)
        if key not in self._constraints:
            model, _, tokenizer, _ = self.loaded
            self._constraints[key] = JSONConstraint(
                tokenizer, schema, model.generation_config.eos_token_id)
        return dict(
            logits_processor=[self._constraints[key]],
            max_new_tokens=longest_answer(schema),
            do_sample=False,
            num_beams=1)

    def generate(self, texts: Sequence[str],
                 media: Optional[Dict[str, list]] = None,
                 **generation: Any) -> List[str]:
        """What the model writes after each text, without special tokens.

        Where ``max_new_tokens`` were too few for it, that is a ``CutText``.
        ``media`` has ``images`` or ``videos``, a list of PIL images for each
        text; ``generation`` are changes of the settings for this call.
        """
        from accelerate.utils import find_executable_batch_size
        if not texts:
            return []
        size = min(self.batch_size or len(texts), len(texts))

        def run(batch_size: int) -> List[str]:
            answers = []
            for start in range(0, len(texts), batch_size):
                part = slice(start, start + batch_size)
                own = {k: value[part] for k, value in (media or {}).items()}
                answers += self._generate_batch(texts[part], own, **generation)
            if batch_size < size:  # the next batch won't fit either
                self.batch_size = batch_size
            return answers

        try:
            return find_executable_batch_size(run, starting_batch_size=size)()
        except RuntimeError as error:
            if 'No executable batch size' not in str(error):
                raise
            raise ModelUnavailableError(
                f'The GPU is too small for "{self.name}" and one text. Take '
                "dtype='bfloat16', 4 bits (quantization=dict(load_in_4bit="
                "True)), or several GPUs (device_map='auto').") from error

    def _generate_batch(self, texts: Sequence[str], media: Dict[str, list],
                        **generation: Any) -> List[str]:
        import torch
        model, processor, tokenizer, lock = self.loaded
        # templates of plain tokenizers hold all special tokens, those of
        # processors may leave <s> to the tokenizer (LLaVA's does)
        bos = tokenizer.bos_token
        special = processor is not tokenizer and not (
            bos and texts[0].startswith(bos))
        process = processor if media else tokenizer
        # each thread has a current GPU, which some kernels go by
        device = torch.cuda.device(
            model.device if model.device.type == 'cuda' else -1)
        with lock, torch.inference_mode(), device:
            inputs = process(
                text=list(texts), padding=True, return_tensors='pt',
                add_special_tokens=special, **media)
            inputs = {
                key: value.to(
                    model.device, model.dtype
                    if value.is_floating_point() else value.dtype)
                for key, value in inputs.items()
            }
            generation = dict(self.generation, **generation)
            output = model.generate(**inputs, **generation)
            length = inputs['input_ids'].shape[1]
            # models that encode the prompt don't repeat it
            if torch.equal(output[:, :length], inputs['input_ids']):
                output = output[:, length:]
            texts = tokenizer.batch_decode(output, skip_special_tokens=True)
        # what came to its end ends with the end's token or padding
        settings = model.generation_config
        eos = settings.eos_token_id
        ends = {settings.pad_token_id, *(
            eos if isinstance(eos, list) else [eos])}
        full = output.shape[1] >= (generation['max_new_tokens'] or 0)
        return [
            CutText(text.strip()) if full and last not in ends
            else text.strip()
            for text, last in zip(texts, output[:, -1].tolist())
        ]


@functools.lru_cache(maxsize=None)
def _load(kind: str, name: str, options: str) -> LoadedModel:
    try:
        model, processor = _from_pretrained(kind, name, **json.loads(options))
    except Exception as error:
        # no chain: it is dozens of calls deep and says no more
        raise ModelUnavailableError(
            f'The model "{name}" cannot be loaded: '
            f'{" ".join(str(error).split())[:600]} Give a local folder, or '
            f'download it where there is a network (`hf download {name}`).'
        ) from None
    tokenizer = getattr(processor, 'tokenizer', processor)
    # the new tokens have to follow the prompt's, not its padding
    tokenizer.padding_side = 'left'
    if tokenizer.pad_token is None:
        # as usual for LLaMA; padding is masked, so any token will do
        tokenizer.pad_token = tokenizer.eos_token
    # of the checkpoint's settings the special tokens only
    settings = model.generation_config
    model.generation_config = type(settings)(
        bos_token_id=settings.bos_token_id,
        eos_token_id=settings.eos_token_id or tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        decoder_start_token_id=settings.decoder_start_token_id)
    if kind == 'image-text':
        _match_image_tokens(name, processor, model)
    return LoadedModel(model.eval(), processor, tokenizer, threading.RLock())


def _from_pretrained(kind: str, name: str, revision: Optional[str] = None,
                     dtype: str = 'auto', device: Optional[str] = None,
                     device_map: Union[str, dict, None] = None,
                     quantization: Optional[dict] = None,
                     model_kwargs: Optional[dict] = None,
                     processor_kwargs: Optional[dict] = None,
                     trust_remote_code: bool = False) -> tuple:
    """A model and its processor or tokenizer."""
    import torch
    import transformers
    if device is None and device_map is None:
        device = 'cpu'
        if torch.cuda.is_available():
            # the remainder: a launcher may show each process its own GPU only
            rank = int(os.environ.get('LOCAL_RANK', 0))
            device = f'cuda:{rank % torch.cuda.device_count()}'
    if dtype == 'auto' and device == 'cpu':
        dtype = 'float32'  # half precision is slow on CPUs
    hub = dict(revision=revision, trust_remote_code=trust_remote_code)
    kwargs = dict(
        hub,
        dtype=_DTYPES.get(dtype, dtype),
        device_map=device_map or {'': device},
        output_loading_info=True,
        **model_kwargs or {})
    if quantization:
        kwargs['quantization_config'] = transformers.BitsAndBytesConfig(
            **quantization)
    models, processors = {
        'causal-lm': ('AutoModelForCausalLM', 'AutoTokenizer'),
        'image-text': ('AutoModelForImageTextToText', 'AutoProcessor')
    }[kind]
    processor = getattr(transformers, processors).from_pretrained(
        name, **hub, **processor_kwargs or {})
    model, report = getattr(transformers, models).from_pretrained(
        name, **kwargs)
    if report['missing_keys']:
        # transformers goes on with random numbers in their place
        missing = sorted(report['missing_keys'])
        raise ValueError(f'its weights lack {len(missing)} parameters of '
                         f'{type(model).__name__}, e.g. {missing[0]}.')
    return model, processor


def _match_image_tokens(name: str, processor: Any, model: Any) -> None:
    """Have LLaVA's processor count an image's tokens as its model does.

    Older versions of transformers didn't save the settings by which they are
    counted, and the model takes no other number than its own: its settings
    replace the processor's, with a warning.
    """
    import torch
    names = ('patch_size', 'num_additional_image_tokens',
             'vision_feature_select_strategy')
    if not all(hasattr(processor, setting) for setting in names):
        return
    vision, base = model.config.vision_config, model.base_model
    tower = getattr(base, 'image_tower', None) or base.vision_tower
    size, patch = vision.image_size, vision.patch_size
    # no config says whether there is a class token: CLIP has one, SigLIP none
    with torch.inference_mode():
        image = torch.zeros(
            1, 3, size, size, dtype=tower.dtype, device=tower.device)
        tokens = tower(image).last_hidden_state.shape[1]
    # VIP-LLaVA has no choice, it drops the class token
    strategy = getattr(model.config, names[2], 'default')
    changes = []
    for setting, value in zip(
            names, (patch, tokens - (size // patch)**2, strategy)):
        found = getattr(processor, setting)
        if found != value:
            setattr(processor, setting, value)
            changes.append(f'{setting}: {found!r} -> {value!r}')
    if changes:
        warn(f'The processor of "{name}" counts the tokens of an image in '
             'another way than its model; taken from the model: '
             f'{", ".join(changes)}.')
