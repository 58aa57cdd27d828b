# Copyright (c) mmteso contributors. All rights reserved.
"""The plain data that the rooms of the package hand each other."""
from dataclasses import dataclass
from typing import Any, List, Optional, Tuple

import torch
from torch import Tensor


@dataclass
class AudioTextPrompt:
    """What a prompt encoder tells a decode head about a batch of sounds.

    Ablations (:class:`AudioPrompt`, :class:`TextPrompt`,
    :class:`ConcatPrompt`) put other features in the place of F_S; N_T is then
    their number, and what they do not make is None.

    Attributes:
        features (Tensor): Sounding object features F_S of eq. 2, (B, N_T, D).
        no_cue (Tensor): The key that is never masked, (B, D).
        gate (Tensor): Non-negative weight of each feature in an attention
            over them, (B, N_T); eq. 4's mask, see :class:`DynamicMask`.
        scores (Tensor, optional): s_i of eq. 3, (B, N_T).
        kept (Tensor, optional): Which cues the mask keeps, bool (B, N_T).
        latents (Tensor, optional): F_L, the audio's latent components,
            (B, N_a, D).
        cue_classes (Tensor, optional): Classes that the cues name, bool
            (B, C); only :class:`LabelFilterSegmentor` has them.
    """
    features: Tensor
    no_cue: Tensor
    gate: Tensor
    scores: Optional[Tensor] = None
    kept: Optional[Tensor] = None
    latents: Optional[Tensor] = None
    cue_classes: Optional[Tensor] = None

    @property
    def keys(self) -> Tensor:
        """The "no cue" key, then the features: (B, 1 + N_T, D)."""
        return torch.cat([self.no_cue[:, None], self.features], dim=1)

    @property
    def key_gate(self) -> Tensor:
        """The gate of :attr:`keys`, (B, 1 + N_T); its first column is 1."""
        always = self.gate.new_ones(len(self.gate), 1)
        return torch.cat([always, self.gate], dim=1)


@dataclass
class CuePrompt:
    """Which cues of a batch sound, by a model that was trained on neither.

    Attributes:
        cues (list[list[str]]): The cues of each frame.
        scores (Tensor): Probability that a cue sounds, (B, N_T), 0 for
            padding.
        kept (Tensor): Which cues are kept, bool (B, N_T).
        labels (list[list[int]]): The class that each cue's mask gets, 0 if
            none.
    """
    cues: List[List[str]]
    scores: Tensor
    kept: Tensor
    labels: List[List[int]]


@dataclass
class ImageMemory:
    """Images encoded once, for a prediction with each of several prompts.

    Attributes:
        shape (tuple[int, int, int]): (B, H, W) of the images.
        windows (list[tuple[slice, slice]]): Rows and columns of the parts
            that were encoded: the whole image, or crops that overlap (slide
            inference).
        encoded (list): For each window what the decode head reads of it, as
            far as it does not depend on the prompt.
    """
    shape: Tuple[int, int, int]
    windows: List[Tuple[slice, slice]]
    encoded: List[Any]
