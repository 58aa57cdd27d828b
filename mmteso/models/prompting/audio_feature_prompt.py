# Copyright (c) mmteso contributors. All rights reserved.
from typing import Optional

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmteso.structures import AudioTextPrompt


@MODELS.register_module()
class AudioFeaturePrompt(nn.Module):
    """The audio encoder's feature as it is, for heads that read no text and
    make their own of the sound.

    Args:
        audio_dims (int): Its channels. Defaults to 128, VGGish's.
    """

    reads = ('audio', )

    def __init__(self, audio_dims: int = 128) -> None:
        super().__init__()
        self.audio_dims = self.embed_dims = audio_dims

    def forward(self,
                audio: Tensor,
                text: Optional[Tensor] = None,
                valid: Optional[Tensor] = None) -> AudioTextPrompt:
        """(B, audio_dims) -> a prompt of one feature, (B, 1, audio_dims)."""
        return AudioTextPrompt(audio[:, None], torch.zeros_like(audio),
                               audio.new_ones(len(audio), 1))
