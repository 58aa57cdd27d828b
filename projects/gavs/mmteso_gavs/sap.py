# Copyright (c) mmteso contributors. All rights reserved.
from typing import Tuple

import torch
from torch import Tensor, nn

from mmteso.models.prompting import mlp


class SemanticAwareAudioPrompt(nn.Module):
    """Prompt tokens of sound and picture (SAP).

    The mean of the image's features, brought to the sound's space, is a cue
    of what is visible. Cue, noise and sound are projected, each to a token.
    The noise is learnt, and as wide as the sound's feature: its deviation is a
    factor.

    Args:
        audio_dims (int): Channels of the sound. Defaults to 128.
        image_dims (int): C, channels of the image. Defaults to 256.
        hidden_dims (int): Of both MLPs. Defaults to 512 (release).
        num_noise (int): Vectors of noise. Defaults to 1.
    """

    def __init__(self,
                 audio_dims: int = 128,
                 image_dims: int = 256,
                 hidden_dims: int = 512,
                 num_noise: int = 1) -> None:
        super().__init__()
        self.cue = mlp(image_dims, hidden_dims, audio_dims)
        self.noise = nn.Parameter(torch.randn(num_noise, audio_dims))
        self.projection = mlp(audio_dims, hidden_dims, image_dims)

    def forward(self, image: Tensor, audio: Tensor) -> Tuple[Tensor, Tensor]:
        """Prompt tokens of images (B, C, h, w) and sounds (B, audio_dims).

        Returns:
            tuple[Tensor, Tensor]: Tokens (B, 2 + num_noise, C), and the cue
            (B, audio_dims).
        """
        cue = self.cue(image.mean((2, 3)))
        # a constant to the gradient: that of a deviation of 0 is not a number
        spread = audio.detach().std(1, unbiased=False)[:, None, None]
        features = torch.cat(
            [cue[:, None], spread * self.noise, audio[:, None]], dim=1)
        return self.projection(features), cue
