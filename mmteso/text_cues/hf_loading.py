# Copyright (c) mmteso contributors. All rights reserved.
"""Loading models of transformers, once each."""
import importlib.util
import json
import logging
import os
import threading
import weakref
from typing import Any, Optional, Tuple, Union

from mmengine.logging import print_log
from mmengine.utils import digit_version
from safetensors import SafetensorError

from .hf_models import HFModel, import_transformers
from .image_tokens import match_image_tokens
from .structures import ModelUnavailableError

#: Which class of transformers loads a kind of model.
AUTO_CLASSES = {
    'image-text': 'AutoModelForImageTextToText',
    'causal-lm': 'AutoModelForCausalLM',
}
_DTYPES = dict(
    auto='auto',
    bf16='bfloat16',
    bfloat16='bfloat16',
    fp16='float16',
    float16='float16',
    fp32='float32',
    float32='float32')

# One object per model and way of loading it, alive as long as somebody uses
# it: captioner and reasoner of the same model share it.
_LOADED: 'weakref.WeakValueDictionary[Tuple[str, str, str], HFModel]' = \
    weakref.WeakValueDictionary()
_LOADING = threading.Lock()


def default_device() -> str:
    """The device of this process.

    Returns:
        str: The GPU that ``torchrun`` gave to this process (by
        ``LOCAL_RANK``), the first GPU without ``torchrun``, the CPU without
        GPU.
    """
    import torch
    if not torch.cuda.is_available():
        return 'cpu'
    # the remainder: a launcher may also show each process its own GPU only
    rank = int(os.environ.get('LOCAL_RANK', 0))
    return f'cuda:{rank % torch.cuda.device_count()}'


class HFModelSource:
    """Which model of transformers to load, and how.

    The captioners and reasoners that use transformers take these arguments
    too. Nothing is loaded before :meth:`load`; equal arguments then give the
    same object, so that a model is in memory once, however many use it.

    Args:
        kind (str): 'image-text', a model that reads images and text, or
            'causal-lm', one that reads text.
        model (str): Its name on the Hugging Face Hub, or a local folder.
        revision (str, optional): Branch, tag or commit on the Hub. Defaults
            to None, the newest.
        dtype (str): 'bfloat16', 'float16', 'float32' (or 'bf16', 'fp16',
            'fp32'), or 'auto': the checkpoint's own on a GPU, float32 on the
            CPU. Defaults to 'auto'.
        device (str, optional): Defaults to None: see :func:`default_device`.
        device_map (str | dict, optional): Spread the model over devices, e.g.
            'auto'; replaces ``device``. Defaults to None.
        quantization (dict, optional): Arguments of ``BitsAndBytesConfig``,
            e.g. ``dict(load_in_4bit=True)``. Needs bitsandbytes and a GPU.
            [Not run: what the tests check is that transformers gets them.]
            Defaults to None.
        model_kwargs (dict, optional): More arguments of the model's
            ``from_pretrained``, e.g.
            ``dict(attn_implementation='flash_attention_2')``. Defaults to
            None.
        processor_kwargs (dict, optional): More arguments of the processor's
            (or tokenizer's) ``from_pretrained``. Defaults to None.
        trust_remote_code (bool): Run code that the model brings along.
            Defaults to False.
        name (str, optional): How the cue file calls it. Defaults to None:
            see :attr:`name`.

    Attributes:
        name (str): The model's name, with revision and number of bits if
            given; of a local folder, the folder's name.

    Raises:
        ValueError: If kind or dtype is unknown.
    """

    def __init__(self,
                 kind: str,
                 model: str,
                 revision: Optional[str] = None,
                 dtype: str = 'auto',
                 device: Optional[str] = None,
                 device_map: Union[str, dict, None] = None,
                 quantization: Optional[dict] = None,
                 model_kwargs: Optional[dict] = None,
                 processor_kwargs: Optional[dict] = None,
                 trust_remote_code: bool = False,
                 name: Optional[str] = None) -> None:
        if kind not in AUTO_CLASSES:
            raise ValueError(f'kind must be one of {list(AUTO_CLASSES)}, but '
                             f'got {kind!r}')
        if dtype not in _DTYPES:
            raise ValueError(f'dtype must be one of {list(_DTYPES)}, but got '
                             f'{dtype!r}')
        self.kind = kind
        self.model = os.path.expanduser(str(model))
        self.options = dict(
            revision=revision,
            dtype=_DTYPES[dtype],
            device=device,
            device_map=device_map,
            quantization=quantization,
            model_kwargs=model_kwargs,
            processor_kwargs=processor_kwargs,
            trust_remote_code=trust_remote_code)
        self.name = name or self._default_name()

    def _default_name(self) -> str:
        if os.path.isdir(self.model):
            # not the path: a cue file is to be the same on each machine
            name = os.path.basename(os.path.abspath(self.model))
        else:
            name = self.model
            if self.options['revision']:
                name += f'@{self.options["revision"]}'
        for bits in (4, 8):
            if (self.options['quantization'] or {}).get(f'load_in_{bits}bit'):
                name += f' ({bits} bits)'
        return name

    @property
    def _key(self) -> Tuple[str, str, str]:
        local = os.path.isdir(self.model)
        model = os.path.realpath(self.model) if local else self.model
        options = json.dumps(self.options, sort_keys=True, default=repr)
        return self.kind, model, options

    def load(self) -> HFModel:
        """Load the model, unless it is loaded already.

        Returns:
            HFModel: The model.

        Raises:
            ImportError: If transformers, accelerate or, where it is asked
                for, bitsandbytes isn't installed.
            ModelUnavailableError: If the model isn't here and can't be
                downloaded, is of another kind or broken, or doesn't fit.
        """
        key = self._key
        with _LOADING:
            loaded = _LOADED.get(key)
            if loaded is None:
                if any(other[:2] == key[:2] for other in _LOADED.keys()):
                    print_log(
                        f'"{self.name}" is loaded a second time, because it '
                        'is asked for with other options. Give captioner and '
                        'reasoner the same ones to have it loaded once.',
                        logger='current',
                        level=logging.WARNING)
                loaded = self._load()
                _LOADED[key] = loaded
        return loaded

    def _load(self) -> HFModel:
        transformers = import_transformers()
        if os.path.isabs(self.model) and not os.path.isdir(self.model):
            raise ModelUnavailableError(
                f'The folder of the model "{self.model}" does not exist.')
        hub = dict(
            revision=self.options['revision'],
            trust_remote_code=self.options['trust_remote_code'])
        kwargs = dict(self._placement(), **hub, output_loading_info=True)
        if self.options['quantization']:
            kwargs['quantization_config'] = transformers.BitsAndBytesConfig(
                **self.options['quantization'])
        kwargs.update(self.options['model_kwargs'] or {})
        models = getattr(transformers, AUTO_CLASSES[self.kind])
        processors = transformers.AutoProcessor \
            if self.kind == 'image-text' else transformers.AutoTokenizer
        config = None
        try:
            # first, because its errors are the clearest
            config = transformers.AutoConfig.from_pretrained(self.model, **hub)
            processor = processors.from_pretrained(
                self.model, **hub, **(self.options['processor_kwargs'] or {}))
            model, report = models.from_pretrained(self.model, **kwargs)
        except (ImportError, OSError, RuntimeError, SafetensorError,
                ValueError) as error:
            # no chain: it is dozens of calls deep and says no more
            raise self._unavailable(error, config) from None
        if report['missing_keys']:
            # transformers would go on with random numbers in their place
            missing = sorted(report['missing_keys'])
            raise ModelUnavailableError(
                f'The weights of "{self.model}" lack {len(missing)} '
                f'parameters of {type(model).__name__}, e.g. {missing[0]}.')
        if self.kind == 'image-text':
            match_image_tokens(self.name, processor, model)
        return HFModel(self.name, model, processor)

    def _placement(self) -> dict:
        """Arguments of ``from_pretrained`` about device and precision."""
        import torch
        import transformers
        device_map, dtype = self.options['device_map'], self.options['dtype']
        if device_map is not None:
            on_cpu = not torch.cuda.is_available()
        else:
            device = torch.device(self.options['device'] or default_device())
            if device.type == 'cuda' and not torch.cuda.is_available():
                raise ModelUnavailableError(
                    f'"{self.name}" is to run on "{device}", but torch finds '
                    'no GPU.')
            on_cpu = device.type == 'cpu'
            if not on_cpu:
                device_map = {'': str(device)}
        for package, needed in (('accelerate', device_map),
                                ('bitsandbytes',
                                 self.options['quantization'])):
            if needed and importlib.util.find_spec(package) is None:
                raise ImportError(f'Loading "{self.name}" this way needs '
                                  f'{package}: pip install {package}')
        if dtype != 'auto':
            dtype = getattr(torch, dtype)
        elif on_cpu:
            # half precision is slow on CPUs, where it works at all
            dtype = torch.float32
        renamed = digit_version(
            transformers.__version__) >= digit_version('4.56.0')
        kwargs = {'dtype' if renamed else 'torch_dtype': dtype}
        if device_map is not None:
            kwargs['device_map'] = device_map
        return kwargs

    def _unavailable(self, error: Exception,
                     config: Any) -> ModelUnavailableError:
        """What to raise when transformers couldn't load the model."""
        import torch
        import transformers
        reason = ' '.join(str(error).split())
        advice = ''
        if isinstance(error, torch.cuda.OutOfMemoryError):
            advice = (" Take dtype='bfloat16', 4 bits (quantization="
                      'dict(load_in_4bit=True)), or several GPUs '
                      "(device_map='auto').")
        elif 'Unrecognized configuration class' in reason:
            reason = (f'it is a model of the type "{config.model_type}", '
                      f'which {AUTO_CLASSES[self.kind]} of transformers '
                      f'{transformers.__version__} does not know.')
        elif 'torchvision' in reason.lower():
            advice = (' Install the torchvision that belongs to torch '
                      f'{torch.__version__}. Only processors of videos need '
                      'one: without torchvision, images are read with PIL.')
        elif 'gated' in reason.lower():
            advice = (' Accept its licence on its page on the Hugging Face '
                      'Hub, and log in with `hf auth login`.')
        elif isinstance(error, OSError) and not os.path.isdir(self.model):
            advice = (' Give an existing local folder; or download it where '
                      f'there is a network (`hf download {self.model}`, '
                      f'formerly `huggingface-cli download {self.model}`) '
                      'and have HF_HOME name the folder that holds the '
                      'download here.')
        if len(reason) > 400:
            reason = f'{reason[:400]} ...'
        return ModelUnavailableError(
            f'The model "{self.model}" cannot be loaded: {reason}{advice}')
