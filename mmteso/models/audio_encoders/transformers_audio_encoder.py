# Copyright (c) mmteso contributors. All rights reserved.
from functools import cached_property

import torch
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmteso.io.hf_folder import (WEIGHT_FILES, quiet_transformers,
                                 require_hf_files)
from mmteso.optional import require
from ..state_hash import state_sha256

POOLS = ('mean', 'cls', 'pooler')

# tokens before those of the sound, by model type
_SPECIAL_TOKENS = {'audio-spectrogram-transformer': 2}
_CLAP = ('clap', 'clap_audio_model')
# only read where training masks its input
_UNUSED = ('masked_spec_embed', )


@MODELS.register_module()
class TransformersAudioEncoder(BaseModule):
    """An audio model of transformers as audio encoder [ours].

    AST, CLAP's audio tower, and what ``AutoModel`` knows and maps one input
    to ``last_hidden_state`` (Wav2Vec2, HuBERT, WavLM, the encoder of Whisper,
    ...). :class:`AudioToModelInput` with the same folder makes its input::

        audio_encoder=dict(
            type='TransformersAudioEncoder',
            pretrained='checkpoints/ast-finetuned-audioset',
            pool='pooler')

    Nothing is downloaded. When the encoder is built, the folder's
    ``config.json`` gives its layers and :attr:`embed_dims`; the weights are
    read when training starts and stay in the checkpoints that training
    writes. Testing needs ``config.json`` and, for the transform,
    ``preprocessor_config.json``, but no weights. The names of the weights are
    those of the installed transformers: a checkpoint whose names are others
    is refused.

    These models were trained on longer sounds than the 0.975 s of a frame,
    and their feature extractors fill up what is missing: AST's with zeros to
    10.24 s, CLAP's by repeating the clip ten times, Whisper's with zeros to
    30 s. The mean over all tokens is then mostly one over filling, so take
    the model's own 'pooler' where it has one. How well they do on such short
    clips has not been measured here.

    Args:
        pretrained (str): Local folder with the model.
        pool (str): What stands for the clip: 'mean' of the tokens (without
            special ones), its first token 'cls', or the model's own 'pooler'
            (AST's mean of its two special tokens, CLAP's projected
            embedding). Defaults to 'mean'.
        freeze (bool): Whether the encoder keeps its weights and stays in eval
            mode. Defaults to True.
        init_cfg (dict, optional): Not used: ``pretrained`` says where the
            weights are. Defaults to None.

    Attributes:
        embed_dims (int): D_a.

    Raises:
        ImportError: If transformers is not installed.
        FileNotFoundError: If the folder or its ``config.json`` is missing.
        ValueError: If the model has no such pool.
    """

    input_key = 'audio_values'

    def __init__(self,
                 pretrained: str,
                 pool: str = 'mean',
                 freeze: bool = True,
                 init_cfg: dict = None) -> None:
        super().__init__(init_cfg)
        if init_cfg is not None:
            raise ValueError('TransformersAudioEncoder takes its weights from '
                             f'{pretrained!r}: leave out init_cfg')
        transformers = require('transformers', 'text')
        require_hf_files(pretrained, ['config.json'], type(self).__name__)
        self.pretrained = pretrained
        self.pool = pool
        self.freeze = freeze
        config = transformers.AutoConfig.from_pretrained(
            pretrained, local_files_only=True)
        self._is_clap = config.model_type in _CLAP
        if config.model_type == 'clap':
            config = config.audio_config
        self._config = config
        self._check_pool()
        self.model = self._encoder_of(self._random_model())
        # checkpoints in half precision are run in full
        self.model.float()
        self.embed_dims = config.projection_dim \
            if self._is_clap else config.hidden_size
        if freeze:
            self.requires_grad_(False)
            self.eval()

    @property
    def _special_tokens(self) -> int:
        return _SPECIAL_TOKENS.get(self._config.model_type, 0)

    def _check_pool(self) -> None:
        pools = ['mean']
        if self._is_clap:
            pools = ['pooler']  # its tokens are a map
        elif self._special_tokens:
            pools = list(POOLS)
        if self.pool not in pools:
            raise ValueError(
                f'{self.pretrained!r} is a model of the type '
                f'{self._config.model_type!r}, whose pool must be one of '
                f'{pools}, but got {self.pool!r}')

    @property
    def _model_class(self) -> type:
        import transformers
        if self._is_clap:
            return transformers.ClapAudioModelWithProjection
        return transformers.AutoModel

    def _random_model(self) -> nn.Module:
        if self._is_clap:
            return self._model_class(self._config)
        return self._model_class.from_config(self._config)

    def _encoder_of(self, model: nn.Module) -> nn.Module:
        if getattr(self._config, 'is_encoder_decoder', False):
            return model.get_encoder()
        return model

    def init_weights(self) -> None:
        """Read the folder's weights, all of them.

        Raises:
            FileNotFoundError: If the folder has no weights.
            ValueError: If weights of the model are missing in it.
        """
        if self.is_init:
            return
        require_hf_files(self.pretrained, WEIGHT_FILES, type(self).__name__)
        with quiet_transformers():
            model, report = self._model_class.from_pretrained(
                self.pretrained,
                config=self._config,
                local_files_only=True,
                output_loading_info=True)
        encoder = self._encoder_of(model)
        prefix = next(
            (f'{name}.' for name, module in model.named_modules()
             if module is encoder and name), '')
        missing = sorted(
            key for key in report['missing_keys']
            if key.startswith(prefix) and not key.endswith(_UNUSED))
        if missing:
            # transformers would go on with random numbers in their place
            raise ValueError(
                f'the weights in {self.pretrained!r} lack {len(missing)} '
                f'parameters of {type(encoder).__name__}, e.g. {missing[0]}')
        self.model.load_state_dict(encoder.state_dict())
        self._is_init = True

    @cached_property
    def weights_hash(self) -> str:
        """Hash of the weights in memory: the files may be several."""
        return state_sha256(self)

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args,
                              **kwargs) -> None:
        # A checkpoint is loaded with strict=False: other names would leave
        # random weights behind, with a warning.
        found = {
            key[len(prefix):]
            for key in state_dict if key.startswith(prefix)
        }
        own = self.state_dict().keys()
        if found and found != own:
            raise RuntimeError(
                f'the checkpoint\'s {prefix}* are not the weights of '
                f'{self.pretrained!r} as the installed transformers names '
                f'them: missing {sorted(own - found)[:3]}, unknown '
                f'{sorted(found - own)[:3]}, ... Take the model and the '
                'version of transformers that it was trained with.')
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def train(self, mode: bool = True) -> 'TransformersAudioEncoder':
        """Set the mode; a frozen encoder stays in eval mode."""
        return super().train(mode and not self.freeze)

    def forward(self, audio_values: Tensor) -> Tensor:
        """Embed one clip per frame.

        Args:
            audio_values (Tensor): From :class:`AudioToModelInput`, (B, ...),
                e.g. (B, 1024, 128) for AST.

        Returns:
            Tensor: (B, D_a).
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

    def extra_repr(self) -> str:
        return (f'pretrained={self.pretrained!r}, pool={self.pool!r}, '
                f'freeze={self.freeze}')
