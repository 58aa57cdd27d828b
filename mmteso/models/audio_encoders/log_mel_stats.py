# Copyright (c) mmteso contributors. All rights reserved.
import math
from typing import Tuple

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmteso.audio import LOG_OFFSET

# log(mel + offset) of silence, in every band
_SILENCE = math.log(LOG_OFFSET)


@MODELS.register_module()
class LogMelStats(nn.Module):
    """Mean and standard deviation over time of the 64 log-mel bands.

    Has no weights: what SynthAVS's demo uses where AVSBench would use
    :class:`VGGish`. Means are measured from the level of silence, so a muted
    clip is the zero vector (to rounding), unless the features are shifted.

    Noise in every clip lifts all means; what tells sounds apart is then a
    small part of large features, and training gets slow. ``mean`` and ``std``
    bring them to a common scale, as images are.

    Args:
        mean (tuple[float, float]): What is subtracted from the 64 means and
            from the 64 standard deviations. Defaults to (0, 0).
        std (tuple[float, float]): What they are divided by afterwards.
            Defaults to (1, 1).
    """

    input_key = 'log_mel'
    embed_dims = 128

    def __init__(
            self,
            mean: Tuple[float, float] = (0., 0.),
            std: Tuple[float, float] = (1., 1.)) -> None:
        super().__init__()
        if len(mean) != 2 or len(std) != 2 or min(std) <= 0:
            raise ValueError('mean and std must be two numbers each, and std '
                             f'positive, but got {mean} and {std}')
        self.mean, self.std = tuple(mean), tuple(std)
        if (self.mean, self.std) != ((0, 0), (1, 1)):
            # In the state, so that cached features that were scaled in
            # another way are known for such (:class:`CachedAudioCheck`).
            self.register_buffer('scaling', torch.tensor([*mean, *std]))

    def forward(self, log_mel: Tensor) -> Tensor:
        """(B, 1, 96, 64) -> 64 means and 64 standard deviations, (B, 128)."""
        log_mel = log_mel.squeeze(1)
        parts = log_mel.mean(1) - _SILENCE, log_mel.std(1, unbiased=False)
        return torch.cat([(part - mean) / std for part, mean, std in zip(
            parts, self.mean, self.std)],
                         dim=1)
