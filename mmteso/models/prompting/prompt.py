# Copyright (c) mmteso contributors. All rights reserved.
"""What the prompt encoder tells a decode head about one batch of sounds."""
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class AudioTextPrompt:
    """Sounding object features of a batch and what was kept of them.

    Attributes:
        features (Tensor): F_S of eq. 2, (B, N_T, D).
        no_cue (Tensor): The key that is never masked, (B, D).
        scores (Tensor): s_i of eq. 3, (B, N_T).
        gate (Tensor): Non-negative weight of each cue in an attention over
            cues, (B, N_T); eq. 4's mask, see :class:`DynamicMask`.
        kept (Tensor): Which cues the mask keeps, bool (B, N_T).
        latents (Tensor): F_L, the audio's latent components, (B, N_a, D).
    """
    features: Tensor
    no_cue: Tensor
    scores: Tensor
    gate: Tensor
    kept: Tensor
    latents: Tensor

    @property
    def keys(self) -> Tensor:
        """The "no cue" key, then the cues: (B, 1 + N_T, D)."""
        return torch.cat([self.no_cue[:, None], self.features], dim=1)

    @property
    def key_gate(self) -> Tensor:
        """The gate of :attr:`keys`, (B, 1 + N_T); its first column is 1."""
        always = self.gate.new_ones(len(self.gate), 1)
        return torch.cat([always, self.gate], dim=1)
