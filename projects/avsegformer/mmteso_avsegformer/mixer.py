# Copyright (c) mmteso contributors. All rights reserved.
import torch.nn.functional as F
from torch import Tensor, nn


class AudioVisualMixer(nn.Module):
    """The sound weights the channels of the mask features (channel attention).

    The sound asks the pixels, in several heads; what it gets from them,
    projected and through a sigmoid, is a factor for each channel.

    Args:
        channels (int): C of the mask features and of the sound.
        num_heads (int): Defaults to 8.
    """

    def __init__(self, channels: int, num_heads: int = 8) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.query = nn.Linear(channels, channels, bias=False)
        self.key_value = nn.Linear(channels, 2 * channels, bias=False)
        self.proj = nn.Linear(channels, channels)

    def forward(self, features: Tensor, audio: Tensor) -> Tensor:
        """(B, C, h, w) and the sound (B, 1, C) -> (B, C, h, w)."""
        pixels = features.flatten(2).transpose(1, 2)
        query, key, value = (
            x.unflatten(2, (self.num_heads, -1)).transpose(1, 2)
            for x in (self.query(audio), *self.key_value(pixels).chunk(2, 2)))
        heard = F.scaled_dot_product_attention(query, key, value)
        weights = self.proj(heard.flatten(1)).sigmoid()
        return features * weights[:, :, None, None]
