# Copyright (c) mmteso contributors. All rights reserved.
import os
import pickle
from contextlib import contextmanager
from types import ModuleType
from typing import Dict, Iterator, Optional, Tuple

import torch
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmteso.audio import FBANK_BANDS
from mmteso.optional import require

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
class BEATs(BaseModule):
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

    They are read when training starts and stay in the checkpoints that
    training writes, so testing needs no other file.

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

    def __init__(self,
                 cfg: Optional[dict] = None,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        unknown = sorted(set(cfg or {}) - set(BEATS_CFG))
        if unknown:
            raise ValueError(f'cfg has unknown fields {unknown}; known are '
                             f'{sorted(BEATS_CFG)}')
        self.cfg = dict(BEATS_CFG, **(cfg or {}))
        beats = _import_beats()
        settings = beats.BEATsConfig(self.cfg)
        width, patch = self.cfg['embed_dim'], self.cfg['input_patch_size']
        self.embed_dims = self.cfg['encoder_embed_dim']
        # names match those of the checkpoints
        self.patch_embedding = nn.Conv2d(
            1, width, patch, stride=patch, bias=self.cfg['conv_bias'])
        self.layer_norm = nn.LayerNorm(width)
        self.post_extract_proj = nn.Linear(
            width, self.embed_dims) if width != self.embed_dims else None
        self.encoder = beats.TransformerEncoder(settings)
        self.requires_grad_(False)
        self.eval()

    def init_weights(self) -> None:
        """Load the weights that ``init_cfg`` names, all of them.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is no checkpoint of BEATs, or of one with
                another ``cfg``.
        """
        if self.init_cfg is not None and not self.is_init:
            if self.init_cfg.get('type') != 'Pretrained':
                raise ValueError('BEATs is frozen: its init_cfg must be of '
                                 f'type Pretrained, but got {self.init_cfg}')
            path = self.init_cfg['checkpoint']
            cfg, state = read_beats_checkpoint(path)
            differences = {
                name: value
                for name, value in cfg.items()
                if self.cfg.get(name, value) != value
            }
            if differences:
                raise ValueError(
                    f'{path!r} is of a BEATs with {differences}: set '
                    'audio_encoder.cfg=dict(...) accordingly')
            try:
                self.load_state_dict(state)
            except RuntimeError as error:
                raise ValueError(f'{path!r} does not hold the weights of '
                                 f'BEATs: {error}') from error
        self._is_init = True

    def train(self, mode: bool = True) -> 'BEATs':
        """Stay in eval mode whatever the runner asks for."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, audio_values: Tensor) -> Tensor:
        """Embed one clip per frame.

        Args:
            audio_values (Tensor): From :class:`AudioToFbank`, (B, T, 128).

        Returns:
            Tensor: (B, D_a).

        Raises:
            ValueError: If the input has another shape.
        """
        if (audio_values.dim() != 3 or audio_values.shape[-1] != FBANK_BANDS
                or audio_values.shape[1] < self.cfg['input_patch_size']):
            raise ValueError(
                f'BEATs reads (B, T, {FBANK_BANDS}) of AudioToFbank, but got '
                f'{tuple(audio_values.shape)}')
        x = (audio_values - _FBANK_MEAN) / (2 * _FBANK_STD)
        x = self.patch_embedding(x.unsqueeze(1)).flatten(2).transpose(1, 2)
        x = self.layer_norm(x)
        if self.post_extract_proj is not None:
            x = self.post_extract_proj(x)
        return self.encoder(x)[0].mean(1)


def read_beats_checkpoint(path: str) -> Tuple[dict, Dict[str, Tensor]]:
    """Read a checkpoint of Microsoft's BEATs.

    Args:
        path (str): The file: a dict with ``cfg`` and ``model``.

    Returns:
        tuple[dict, dict[str, Tensor]]: ``cfg``, and the weights without the
        classifier of a fine-tuned model.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is another file.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f'BEATs\' weights are not at {path!r}: put '
            'BEATs_iter3_plus_AS2M.pt (microsoft/unilm, beats) there, or say '
            'where it is in audio_encoder.init_cfg.checkpoint')
    try:
        checkpoint = torch.load(path, map_location='cpu', weights_only=True)
    except (pickle.UnpicklingError, EOFError, RuntimeError) as error:
        raise ValueError(f'{path!r} is no checkpoint of BEATs: '
                         f'{error}') from error
    if not isinstance(checkpoint, dict) or not {'cfg', 'model'} <= set(
            checkpoint):
        found = sorted(checkpoint) if isinstance(checkpoint, dict) else type(
            checkpoint).__name__
        raise ValueError(f'{path!r} is no checkpoint of BEATs, which has the '
                         f'keys cfg and model, but got {str(found)[:200]}')
    state = {
        key: value
        for key, value in checkpoint['model'].items()
        if not key.startswith('predictor.')
    }
    return dict(checkpoint['cfg']), state


@contextmanager
def _without_quirks() -> Iterator[None]:
    """SpeechBrain's import sets global switches of PyTorch, e.g. to TF32."""
    name = 'SB_DISABLE_QUIRKS'
    before = os.environ.get(name)
    os.environ[name] = \
        'allow_tf32,disable_jit_profiling,disable_cudnn_benchmarking'
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before


def _import_beats() -> ModuleType:
    # which imports torchaudio: it has to be the installed torch's
    with _without_quirks():
        return require('speechbrain.lobes.models.beats', 'beats')
