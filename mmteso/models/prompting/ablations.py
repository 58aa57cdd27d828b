# Copyright (c) mmteso contributors. All rights reserved.
"""What takes the place of SeDAM and PMQS in the ablations (paper table 6).

The paper names what each row leaves out and not what is left in its place.
The rule here: the smallest change to the full model that removes the part,
with all remaining inputs, widths and the "no cue" key as they were, so that a
row of the table (a config of configs/ablations/v1m) differs by a field and
nothing else.

Each prompt encoder is called as :class:`SeDAM` is, with F_A (B, audio_dims),
F_T (B, N_T, text_dims) and which cues are real, bool (B, N_T); what it does
not read (see its ``reads``) may be None.
"""
from typing import Optional

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmteso.structures import AudioTextPrompt
from .attention import mlp


class _SimplePrompt(nn.Module):
    """Normalised features and a "no cue" key, as SeDAM has them."""

    reads = ('audio', 'text')
    num_latents = 1

    def __init__(self,
                 audio_dims: int = 128,
                 text_dims: int = 1024,
                 embed_dims: int = 1024,
                 hidden_dims: int = 2048) -> None:
        super().__init__()
        self.embed_dims = embed_dims
        self.norm = nn.LayerNorm(embed_dims)
        self.no_cue = nn.Parameter(torch.randn(embed_dims) * 0.02)
        if 'audio' in self.reads:
            self.audio_dims = audio_dims
            self.audio_mlp = mlp(audio_dims, hidden_dims,
                                 self.num_latents * embed_dims)
        if 'text' in self.reads:
            self.text_dims = text_dims
            self.text_mlp = mlp(text_dims, hidden_dims, embed_dims)

    def make_prompt(self, features: Tensor, gate: Tensor,
                    **parts: Tensor) -> AudioTextPrompt:
        """(B, N, D) and (B, N) -> a prompt without scores."""
        features = self.norm(features)
        return AudioTextPrompt(features,
                               self.no_cue.expand(len(features), -1),
                               gate.to(features.dtype), **parts)


@MODELS.register_module()
class AudioPrompt(_SimplePrompt):
    """Sound without text (table 6, "w/o text").

    The latent components themselves, normalised, stand where the sounding
    object features stood; there are no cues, so nothing to select.

    Args:
        num_latents (int): N_a. Defaults to 4.
        **kwargs: ``audio_dims`` (128), ``embed_dims`` (1024) and
            ``hidden_dims`` (2048) as of :class:`SeDAM`.
    """

    reads = ('audio', )

    def __init__(self, num_latents: int = 4, **kwargs) -> None:
        self.num_latents = num_latents
        super().__init__(**kwargs)

    def forward(self,
                audio: Tensor,
                text: Optional[Tensor] = None,
                valid: Optional[Tensor] = None) -> AudioTextPrompt:
        """Return N_a features, all with a gate of 1, and the latents."""
        latents = self.audio_mlp(audio).unflatten(
            1, (self.num_latents, self.embed_dims))
        gate = latents.new_ones(latents.shape[:2])
        return self.make_prompt(latents, gate, latents=latents)


@MODELS.register_module()
class TextPrompt(_SimplePrompt):
    """Text without sound (table 6, "w/o audio").

    The cues' own features, normalised, stand where the sounding object
    features stood; all valid ones are kept. Arguments are ``text_dims``
    (1024), ``embed_dims`` (1024) and ``hidden_dims`` (2048) of
    :class:`SeDAM`.
    """

    reads = ('text', )

    def forward(self, audio: Optional[Tensor], text: Tensor,
                valid: Tensor) -> AudioTextPrompt:
        """Return N_T features, gated by ``valid``."""
        return self.make_prompt(self.text_mlp(text), valid)


@MODELS.register_module()
class ConcatPrompt(_SimplePrompt):
    """Sound and text side by side (table 6, "w/o SeDAM").

    The whole audio feature as one key and each cue as another: they meet in
    PMQS alone. There are no scores, so all valid cues are kept. Arguments are
    ``audio_dims`` (128), ``text_dims`` (1024), ``embed_dims`` (1024) and
    ``hidden_dims`` (2048) of :class:`SeDAM`.
    """

    def forward(self, audio: Tensor, text: Tensor,
                valid: Tensor) -> AudioTextPrompt:
        """Return 1 + N_T features, the sound first, gated by ``valid``."""
        features = torch.cat(
            [self.audio_mlp(audio)[:, None],
             self.text_mlp(text)], dim=1)
        sound = valid.new_ones(len(valid), 1)
        return self.make_prompt(features, torch.cat([sound, valid], dim=1))


@MODELS.register_module()
class PooledPrompt(nn.Module):
    """One vector for all mask queries (table 6, "w/o PMQS").

    The mean of the sounding object features, weighted by the gate and with
    the "no cue" key, is projected and added to every query alike:
    ``F_Q' = LN(F_Q + FC(mean_i g_i F_S,i))``.

    Args:
        prompt_dims (int): D. Defaults to 1024.
        query_dims (int): Channels of the mask queries. Defaults to 256.
        hidden_dims (int): Hidden width of the projection D -> query_dims.
            Defaults to 2048.
    """

    def __init__(self,
                 prompt_dims: int = 1024,
                 query_dims: int = 256,
                 hidden_dims: int = 2048) -> None:
        super().__init__()
        self.prompt_dims = prompt_dims
        self.projection = mlp(prompt_dims, hidden_dims, query_dims)
        self.norm = nn.LayerNorm(query_dims)

    def forward(self, query: Tensor, prompt: AudioTextPrompt) -> Tensor:
        """F_Q (B, N_q, query_dims) and the prompt -> F_Q'."""
        gate = prompt.key_gate.to(prompt.keys.dtype)[..., None]
        mean = (gate * prompt.keys).sum(1) / gate.sum(1)
        return self.norm(query + self.projection(mean)[:, None])
