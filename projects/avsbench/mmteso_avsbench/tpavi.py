# Copyright (c) mmteso contributors. All rights reserved.
from typing import Tuple

import torch
from torch import Tensor, nn


class TPAVI(nn.Module):
    """Temporal pixel-wise audio-visual interaction: of a clip's pixels with
    its sounds (section 4.2 of the paper).

    The paper has each of the T h w pixels of a clip attend to all of them, as
    in a non-local block with dot products: queries and values are the pixels,
    keys the sounds A, repeated at each pixel of their frame,

        Z = V + mu(theta(V) phi(A)^T g(V) / (T h w)).

    Without a softmax the product may be taken from the right, and since a
    frame's keys are equal, the sum over its pixels is T h w / T times their
    mean: what is left is a (C', C') matrix for each clip, the mean over its
    frames of phi(A_t) g(mean of V_t)^T. It is the same number without the
    T h w x T h w attention, and clips of different lengths go side by side.

    Args:
        channels (int): C of the visual features.
        audio_dims (int): Of the sound's feature. Defaults to 128, VGGish's.
    """

    def __init__(self, channels: int, audio_dims: int = 128) -> None:
        super().__init__()
        inner = channels // 2  # C', as in a non-local block
        self.audio = nn.Linear(audio_dims, channels)
        self.theta = nn.Conv2d(channels, inner, 1)
        self.phi = nn.Linear(channels, inner)
        self.g = nn.Linear(channels, inner)
        self.mu = nn.Sequential(
            nn.Conv2d(inner, channels, 1), nn.BatchNorm2d(channels))
        # a non-local block starts as the identity
        nn.init.zeros_(self.mu[1].weight)
        self.norm = nn.LayerNorm(channels)

    def forward(self, visual: Tensor, audio: Tensor,
                same: Tensor) -> Tuple[Tensor, Tensor]:
        """Let the frames of each clip hear.

        Args:
            visual (Tensor): V, (B, C, h, w), of B frames of any clips.
            audio (Tensor): Their sounds, (B, audio_dims).
            same (Tensor): Which frames are of one clip, bool (B, B).

        Returns:
            tuple[Tensor, Tensor]: Z, (B, C, h, w), and the projected sound A,
            (B, C).
        """
        audio = self.audio(audio)
        share = same.to(visual) / same.sum(1, keepdim=True)
        pairs = self.phi(audio)[:, :, None] * self.g(
            visual.mean((2, 3)))[:, None]
        pairs = torch.einsum('bf,fkv->bkv', share, pairs)
        heard = torch.einsum('bkhw,bkv->bvhw', self.theta(visual), pairs)
        fused = visual + self.mu(heard)
        fused = self.norm(fused.movedim(1, -1)).movedim(-1, 1)
        return fused, audio
