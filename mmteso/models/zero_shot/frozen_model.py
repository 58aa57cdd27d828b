# Copyright (c) mmteso contributors. All rights reserved.
from functools import cached_property
from typing import Any, Dict

import torch
from torch import Tensor

from mmteso.io.hf_folder import quiet_transformers
from mmteso.optional import require
from ..weights import TransformersPart, from_pretrained, load_part

_DTYPES = ('float32', 'float16', 'bfloat16')


class FrozenTransformersModel(TransformersPart):
    """A pretrained model of transformers, used as it is.

    When it is built, ``config.json`` gives its layers; its weights are read
    where it is first used, by :meth:`init_weights`, unless a checkpoint
    brought them before.

    Args:
        pretrained (str): The model: a folder, or its id on the Hugging Face
            Hub, of which transformers keeps a copy in its cache.
        model_class (str): Name of the class in transformers.
        dtype (str): 'float32', 'float16' or 'bfloat16', whatever the files
            have. Defaults to 'float32'.

    Raises:
        ImportError: If transformers is not installed, or has no such class.
        OSError: If there is no such model.
        ValueError: If it is of another kind, or there is no such dtype.
    """

    def __init__(self,
                 pretrained: str,
                 model_class: str,
                 dtype: str = 'float32') -> None:
        super().__init__()
        if dtype not in _DTYPES:
            raise ValueError(f'dtype must be one of {_DTYPES}, but got '
                             f'{dtype!r}')
        transformers = require('transformers', 'text')
        if not hasattr(transformers, model_class):
            raise ImportError(
                f'transformers {transformers.__version__} has no '
                f'{model_class}: it takes a newer one')
        self.pretrained = pretrained
        self._class = getattr(transformers, model_class)
        config_class = self._class.config_class
        stored = config_class.get_config_dict(pretrained)[0]
        # of a part as well: SAM 3's file is that of its video model
        kinds = {stored.get('model_type')}.union(
            part.get('model_type') for part in stored.values()
            if isinstance(part, dict))
        if config_class.model_type not in kinds:
            raise ValueError(
                f'{pretrained!r} is a model of the type '
                f'{stored.get("model_type")!r}, but {type(self).__name__} '
                f'needs one of the type {config_class.model_type!r}')
        with quiet_transformers():
            self.model = self._class(config_class.from_pretrained(pretrained))
        self.model.to(getattr(torch, dtype))
        self.requires_grad_(False)
        self.eval()

    def init_weights(self) -> None:
        """Read the weights, all of them, unless they are there already.

        Raises:
            OSError: If there are no weights.
            ValueError: If some of them are missing.
        """
        if self.is_init:
            return
        model = from_pretrained(
            self._class, self.pretrained, config=self.model.config)
        load_part(self.model, model.state_dict(), self.pretrained)
        self._is_init = True

    def _load_from_state_dict(self, state_dict: Dict[str, Tensor],
                              prefix: str, *args, **kwargs) -> None:
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
        if any(key.startswith(prefix) for key in state_dict):
            self._is_init = True

    def train(self, mode: bool = True) -> 'FrozenTransformersModel':
        """Stay in eval mode whatever the runner asks for."""
        return super().train(False)

    @cached_property
    def tokenizer(self) -> Any:
        """The model's tokenizer, read where it is first used."""
        return require('transformers', 'text').AutoTokenizer.from_pretrained(
            self.pretrained)

    def tokenize(self, text: str, **kwargs) -> Dict[str, Tensor]:
        """Tokens of one text, on the model's device, (1, L).

        Texts go through the models one by one: others beside them, and the
        padding that they need, would change the last bits.
        """
        return dict(
            self.tokenizer(
                text, truncation=True, return_tensors='pt',
                **kwargs).to(self.model.device))
