# Copyright (c) mmteso contributors. All rights reserved.
import os
from typing import Dict, Optional
from unittest import mock

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmteso.audio import FBANK_BANDS
from mmteso.io import read_checkpoint
from mmteso.optional import require
from .frozen_audio_encoder import FrozenAudioEncoder

#: What of a BEATs checkpoint's ``cfg`` decides its features; the values are
#: those of the published BEATs_iter* checkpoints.
BEATS_CFG = dict(
    input_patch_size=16,
    embed_dim=512,
    conv_bias=False,
    encoder_layers=12,
    encoder_embed_dim=768,
    encoder_ffn_embed_dim=3072,
    encoder_attention_heads=12,
    activation_fn='gelu',
    layer_norm_first=False,
    deep_norm=True,
    conv_pos=128,
    conv_pos_groups=16,
    relative_position_embedding=True,
    num_buckets=320,
    max_distance=800,
    gru_rel_pos=True)

# BEATs' own, of AudioSet
_FBANK_MEAN, _FBANK_STD = 15.41663, 6.55582


@MODELS.register_module()
class BEATs(FrozenAudioEncoder):
    """BEATs, frozen, the mean of its last layer's tokens [paper: BEATs].

    The transformer is SpeechBrain's port of Microsoft's code; it is imported
    when the encoder is built. Its input is :class:`AudioToFbank`'s. A frame's
    clip gives 6 x 8 tokens without any filling. That the tokens are averaged
    is our reading: the paper does not say.

    Weights come from a local copy of one of Microsoft's checkpoints, e.g.
    ``BEATs_iter3_plus_AS2M.pt``, pretrained or fine-tuned (whose classifier
    is left out)::

        audio_encoder=dict(type='BEATs', init_cfg=dict(
            type='Pretrained',
            checkpoint='checkpoints/BEATs_iter3_plus_AS2M.pt'))

    Args:
        cfg (dict, optional): Differences of the checkpoint's ``cfg`` from
            ``BEATS_CFG``. Defaults to None.
        init_cfg (dict, optional): Where the weights are. Defaults to None:
            random weights.

    Attributes:
        embed_dims (int): D_a, 768.

    Raises:
        ImportError: If SpeechBrain is not installed.
        ValueError: If ``cfg`` has unknown fields.
    """

    input_key = 'audio_values'
    weights_from = 'BEATs_iter3_plus_AS2M.pt (microsoft/unilm, beats)'

    def __init__(self,
                 cfg: Optional[dict] = None,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        unknown = sorted(set(cfg or {}) - set(BEATS_CFG))
        if unknown:
            raise ValueError(f'cfg has unknown fields {unknown}; known are '
                             f'{sorted(BEATS_CFG)}')
        self.cfg = dict(BEATS_CFG, **(cfg or {}))
        # SpeechBrain's import sets global switches of PyTorch, e.g. to TF32
        quirks = 'allow_tf32,disable_jit_profiling,disable_cudnn_benchmarking'
        with mock.patch.dict(os.environ, SB_DISABLE_QUIRKS=quirks):
            beats = require('speechbrain.lobes.models.beats', 'beats')
        width, patch = self.cfg['embed_dim'], self.cfg['input_patch_size']
        self.embed_dims = self.cfg['encoder_embed_dim']
        # names match those of the checkpoints
        self.patch_embedding = nn.Conv2d(
            1, width, patch, stride=patch, bias=self.cfg['conv_bias'])
        self.layer_norm = nn.LayerNorm(width)
        self.post_extract_proj = nn.Linear(
            width, self.embed_dims) if width != self.embed_dims else None
        self.encoder = beats.TransformerEncoder(beats.BEATsConfig(self.cfg))
        self.requires_grad_(False)
        self.eval()

    def read_weights(self, path: str) -> Dict[str, Tensor]:
        """The weights of one of Microsoft's checkpoints, no classifier's."""
        try:
            checkpoint = read_checkpoint(path)
            cfg, state = checkpoint['cfg'], checkpoint['model']
        except Exception as error:  # as varied as the ways to break a file
            raise ValueError(
                f'{path!r} is no checkpoint of BEATs, a dict with cfg and '
                f'model: {error}') from error
        differences = {
            name: value
            for name, value in cfg.items()
            if self.cfg.get(name, value) != value
        }
        if differences:
            raise ValueError(f'{path!r} is of a BEATs with {differences}: set '
                             'audio_encoder.cfg=dict(...) accordingly')
        return {
            key: value for key, value in state.items()
            if not key.startswith('predictor.')
        }

    @torch.no_grad()
    def forward(self, audio_values: Tensor) -> Tensor:
        """Embed one clip per frame, :class:`AudioToFbank`'s (B, T, 128).

        Returns:
            Tensor: (B, D_a).

        Raises:
            ValueError: If it is another front end's.
        """
        if audio_values.dim() != 3 or audio_values.shape[-1] != FBANK_BANDS:
            raise ValueError(
                f'BEATs reads (B, T, {FBANK_BANDS}) of AudioToFbank, but got '
                f'{tuple(audio_values.shape)}')
        x = (audio_values - _FBANK_MEAN) / (2 * _FBANK_STD)
        x = self.patch_embedding(x.unsqueeze(1)).flatten(2).transpose(1, 2)
        x = self.layer_norm(x)
        if self.post_extract_proj is not None:
            x = self.post_extract_proj(x)
        return self.encoder(x)[0].mean(1)
