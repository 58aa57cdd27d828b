# Copyright (c) mmteso contributors. All rights reserved.
from typing import Optional, Tuple

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmteso.structures import AudioTextPrompt
from .attention import CrossAttention, mlp


class SeDAMLayer(nn.Module):
    """One layer of SeDAM: cues listen to the audio's latents (eq. 1-3)."""

    def __init__(self, embed_dims: int, num_heads: int,
                 source_pool: bool) -> None:
        super().__init__()
        self.attn = CrossAttention(embed_dims, num_heads)
        self.norm = nn.LayerNorm(embed_dims)
        self.beta = nn.Parameter(torch.zeros(())) if source_pool else None

    def forward(self, text: Tensor, latents: Tensor) -> Tuple[Tensor, Tensor]:
        """F_T' or the previous layer's F_S, (B, N_T, D), and F_L,
        (B, N_a, D), -> F_S (B, N_T, D) and s (B, N_T).
        """
        attended, logits = self.attn(text, latents)
        features = text + attended
        if self.beta is not None:
            features = features + self.beta.sigmoid() * latents.mean(
                1, keepdim=True)
        # Before the softmax: after it, the mean over keys is 1 / N_a.
        return self.norm(features), logits.mean(dim=(1, 3))


@MODELS.register_module()
class SeDAM(nn.Module):
    """Semantics-driven audio modelling (paper 3.3).

    Splits the audio feature into ``num_latents`` latent components and lets
    every text cue attend to them; the result are the *sounding object
    features* F_S, and the mean logit of a cue tells how well it fits the
    sound. A :class:`DynamicMask` then selects.

    Args:
        audio_dims (int): Channels of the audio feature F_A. Defaults to 128
            (VGGish).
        text_dims (int): Channels of a cue's feature in F_T. Defaults to 1024
            (ImageBind).
        embed_dims (int): D. Defaults to 1024 (release).
        hidden_dims (int): Hidden width of both MLPs. Defaults to 2048
            (release).
        num_latents (int): N_a. Defaults to 4 (release; there one latent
            repeated, here distinct ones as the paper wants).
        num_heads (int): Heads of eq. 1. Defaults to 8 (release).
        num_layers (int): Stacked layers of eq. 1-2; the scores are the last
            one's. Not given in the paper. Defaults to 1 (release).
        source_pool (bool): Add ``sigmoid(beta) * mean_k F_L`` before the layer
            normalisation (release; not in the paper). Defaults to False.
        normalize (bool): Bring F_T' and F_L to mean 0 and variance 1 over
            their D channels before they meet (ours; the paper has no such
            step). Without it the longer features, ImageBind's, decide alone
            what a new network tells its queries (docs/recipe.md). Defaults to
            True.
        linear_text (bool): Project cues by one linear layer in place of an
            MLP (ours). The feature of 'striped disc' then lies between those
            of other striped things and other discs, whatever was trained; an
            MLP can learn each training cue by heart. Defaults to False.
        text_dropout (float): The share of F_T's channels that are dropped in
            training (ours), against learning by heart too. Defaults to 0.
        no_cue (str): The key that is never masked: ``'learned'``, one learned
            vector; ``'audio'``, that vector plus a projection of the mean
            latent (ours). A frame without a cue sees this key alone, so with
            'learned' it can't hear; the paper pads with zero rows, which can.
            Defaults to 'audio'.
        dynamic_mask (dict): Config of the mask. Defaults to
            ``dict(type='DynamicMask')``.

    Attributes:
        reads (tuple[str]): What a prompt encoder reads of 'audio' and
            'text', for which it is else given None, and of 'clip': the
            frames' metainfo, which comes as a last argument.
    """

    reads = ('audio', 'text')

    def __init__(self,
                 audio_dims: int = 128,
                 text_dims: int = 1024,
                 embed_dims: int = 1024,
                 hidden_dims: int = 2048,
                 num_latents: int = 4,
                 num_heads: int = 8,
                 num_layers: int = 1,
                 source_pool: bool = False,
                 normalize: bool = True,
                 linear_text: bool = False,
                 text_dropout: float = 0.,
                 no_cue: str = 'audio',
                 dynamic_mask: Optional[dict] = None) -> None:
        super().__init__()
        if no_cue not in ('learned', 'audio'):
            raise ValueError("no_cue must be 'learned' or 'audio', but got "
                             f'{no_cue!r}')
        if num_layers < 1:
            raise ValueError(f'num_layers must be >= 1, but got {num_layers}')
        self.audio_dims = audio_dims
        self.text_dims = text_dims
        self.embed_dims = embed_dims
        self.num_latents = num_latents
        self.audio_mlp = mlp(audio_dims, hidden_dims, num_latents * embed_dims)
        self.text_dropout = nn.Dropout(
            text_dropout) if text_dropout else nn.Identity()
        self.text_mlp = nn.Linear(text_dims, embed_dims) if linear_text \
            else mlp(text_dims, hidden_dims, embed_dims)
        # without a scale and shift to learn: it is there to fix them
        self.normalize = nn.LayerNorm(
            embed_dims,
            elementwise_affine=False) if normalize else nn.Identity()
        self.layers = nn.ModuleList(
            SeDAMLayer(embed_dims, num_heads, source_pool)
            for _ in range(num_layers))
        self.no_cue = nn.Parameter(torch.randn(embed_dims) * 0.02)
        self.no_cue_audio = nn.Linear(
            embed_dims, embed_dims) if no_cue == 'audio' else None
        self.dynamic_mask = MODELS.build(dynamic_mask
                                         or dict(type='DynamicMask'))

    def forward(self, audio: Tensor, text: Tensor,
                valid: Tensor) -> AudioTextPrompt:
        """Encode a batch of frames' sound and cues.

        Args:
            audio (Tensor): F_A, (B, audio_dims).
            text (Tensor): F_T, (B, N_T, text_dims); padding rows are zero.
            valid (Tensor): Which cues are real, bool (B, N_T).

        Returns:
            AudioTextPrompt: The prompt for a decode head.
        """
        latents = self.normalize(
            self.audio_mlp(audio).unflatten(
                1, (self.num_latents, self.embed_dims)))
        features = self.normalize(self.text_mlp(self.text_dropout(text)))
        for layer in self.layers:
            features, scores = layer(features, latents)
        gate, kept = self.dynamic_mask(scores, valid)
        no_cue = self.no_cue.expand(len(audio), -1)
        if self.no_cue_audio is not None:
            no_cue = no_cue + self.no_cue_audio(latents.mean(1))
        return AudioTextPrompt(
            features, no_cue, gate, scores=scores, kept=kept, latents=latents)
