# Copyright (c) mmteso contributors. All rights reserved.
from functools import cached_property

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmteso.optional import require
from ..weights import (TransformersPart, from_pretrained, load_part,
                       state_sha256)

# What may be missing: read where training masks its input, or not here at all
_UNUSED = ('masked_spec_embed', 'decoder.')


@MODELS.register_module()
class TransformersAudioEncoder(TransformersPart):
    """An audio model of transformers as audio encoder [ours].

    AST, CLAP's audio tower, and what ``AutoModel`` knows and maps one input
    to ``last_hidden_state`` (Wav2Vec2, HuBERT, WavLM, the encoder of Whisper,
    ...). :class:`AudioToModelInput` of the same model makes its input::

        audio_encoder=dict(
            type='TransformersAudioEncoder',
            pretrained='checkpoints/ast-finetuned-audioset',
            pool='pooler')

    When the encoder is built, ``config.json`` gives its layers; the weights
    are read when training starts and stay in the checkpoints that training
    writes. Testing needs ``config.json`` and, for the transform,
    ``preprocessor_config.json``, but no weights.

    These models were trained on longer sounds than the 0.975 s of a frame,
    and their feature extractors fill up what is missing: AST's with zeros to
    10.24 s, CLAP's by repeating the clip ten times, Whisper's with zeros to
    30 s. The mean over all tokens is then mostly one over filling, so take
    the model's own 'pooler' where it has one.

    Args:
        pretrained (str): The model: a folder, or its id on the Hugging Face
            Hub, of which transformers keeps a copy in its cache.
        pool (str): What stands for the clip: 'mean' of the tokens (without
            special ones), its first token 'cls', or the model's own 'pooler'
            (AST's mean of its two special tokens, CLAP's projected
            embedding). Defaults to 'mean'.
        freeze (bool): Whether the encoder keeps its weights and stays in eval
            mode. Defaults to True.

    Attributes:
        embed_dims (int): D_a.

    Raises:
        ImportError: If transformers is not installed.
        OSError: If there is no such model.
        ValueError: If the model has no such pool.
    """

    input_key = 'audio_values'

    def __init__(self,
                 pretrained: str,
                 pool: str = 'mean',
                 freeze: bool = True) -> None:
        super().__init__()
        transformers = require('transformers', 'text')
        self.pretrained = pretrained
        self.pool = pool
        self.freeze = freeze
        config = transformers.AutoConfig.from_pretrained(pretrained)
        if config.model_type == 'clap':
            config = config.audio_config
        self._is_clap = config.model_type == 'clap_audio_model'
        is_ast = config.model_type == 'audio-spectrogram-transformer'
        self._special_tokens = 2 if is_ast else 0
        # CLAP's tokens are a map
        pools = ['pooler'] if self._is_clap else \
            ['mean', 'cls', 'pooler'] if is_ast else ['mean']
        if pool not in pools:
            raise ValueError(
                f'{pretrained!r} is a model of the type '
                f'{config.model_type!r}, whose pool must be one of {pools}, '
                f'but got {pool!r}')
        if self._is_clap:
            self._model_class = transformers.ClapAudioModelWithProjection
            model = self._model_class(config)
        else:
            self._model_class = transformers.AutoModel
            model = self._model_class.from_config(config)
        self._config = config
        self.model = self._encoder_of(model)
        # checkpoints in half precision are run in full
        self.model.float()
        self.embed_dims = config.projection_dim \
            if self._is_clap else config.hidden_size
        if freeze:
            self.requires_grad_(False)
            self.eval()

    def _encoder_of(self, model: nn.Module) -> nn.Module:
        if getattr(self._config, 'is_encoder_decoder', False):
            return model.get_encoder()
        return model

    def init_weights(self) -> None:
        """Read the model's weights, all of them."""
        if self.is_init:
            return
        model = from_pretrained(
            self._model_class, self.pretrained, _UNUSED, config=self._config)
        load_part(self.model,
                  self._encoder_of(model).state_dict(), self.pretrained)
        self._is_init = True

    @cached_property
    def weights_hash(self) -> str:
        """Hash of the weights in memory: the files may be several."""
        return state_sha256(self)

    def train(self, mode: bool = True) -> 'TransformersAudioEncoder':
        """Set the mode; a frozen encoder stays in eval mode."""
        return super().train(mode and not self.freeze)

    def forward(self, audio_values: Tensor) -> Tensor:
        """Embed one clip per frame, :class:`AudioToModelInput`'s.

        (B, ...), e.g. (B, 1024, 128) for AST, -> (B, D_a).
        """
        inputs = {self.model.main_input_name: audio_values}
        if self._is_clap:
            # Of a batch without clips of more than 10 s the extractor calls
            # one, drawn by chance, longer.
            inputs['is_longer'] = torch.zeros(
                len(audio_values), 1, dtype=torch.bool)
        with torch.set_grad_enabled(torch.is_grad_enabled()
                                    and not self.freeze):
            outputs = self.model(**inputs, return_dict=True)
            if self._is_clap:
                return outputs.audio_embeds
            if self.pool == 'pooler':
                return outputs.pooler_output
            tokens = outputs.last_hidden_state
            if self.pool == 'cls':
                return tokens[:, 0]
            return tokens[:, self._special_tokens:].mean(1)
