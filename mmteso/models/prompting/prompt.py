# Copyright (c) mmteso contributors. All rights reserved.
"""What the prompt encoder tells a decode head about one batch of sounds."""
from dataclasses import dataclass
from typing import Optional

import torch
from torch import Tensor


@dataclass
class AudioTextPrompt:
    """Sounding object features of a batch and what was kept of them.

    Ablations (:class:`AudioPrompt`, :class:`TextPrompt`,
    :class:`ConcatPrompt`) put other features in the place of F_S; N_T is
    then their number. What they don't have is None.

    Attributes:
        features (Tensor): F_S of eq. 2, (B, N_T, D).
        no_cue (Tensor): The key that is never masked, (B, D).
        gate (Tensor): Non-negative weight of each feature in an attention
            over them, (B, N_T); eq. 4's mask, see :class:`DynamicMask`.
        scores (Tensor, optional): s_i of eq. 3, (B, N_T).
        kept (Tensor, optional): Which cues the mask keeps, bool (B, N_T).
        latents (Tensor, optional): F_L, the audio's latent components,
            (B, N_a, D).
    """
    features: Tensor
    no_cue: Tensor
    gate: Tensor
    scores: Optional[Tensor] = None
    kept: Optional[Tensor] = None
    latents: Optional[Tensor] = None

    @property
    def keys(self) -> Tensor:
        """The "no cue" key, then the features: (B, 1 + N_T, D)."""
        return torch.cat([self.no_cue[:, None], self.features], dim=1)

    @property
    def key_gate(self) -> Tensor:
        """The gate of :attr:`keys`, (B, 1 + N_T); its first column is 1."""
        always = self.gate.new_ones(len(self.gate), 1)
        return torch.cat([always, self.gate], dim=1)
