# Copyright (c) mmteso contributors. All rights reserved.
import math

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...audio import LOG_OFFSET

# log(mel + offset) of silence, in every band
_SILENCE = math.log(LOG_OFFSET)


@MODELS.register_module()
class LogMelStats(nn.Module):
    """Mean and standard deviation over time of the 64 log-mel bands.

    Has no weights: what SynthAVS's demo uses where AVSBench would use
    :class:`VGGish`. Means are measured from the level of silence, so a muted
    clip is the zero vector (to rounding).
    """

    input_key = 'log_mel'
    embed_dims = 128

    def forward(self, log_mel: Tensor) -> Tensor:
        """Summarise one example per frame.

        Args:
            log_mel (Tensor): VGGish input, (B, 1, 96, 64): time by bands.

        Returns:
            Tensor: (B, 128), 64 means and 64 standard deviations.
        """
        log_mel = log_mel.squeeze(1)
        mean = log_mel.mean(1) - _SILENCE
        return torch.cat([mean, log_mel.std(1, unbiased=False)], dim=1)
