# Copyright (c) mmteso contributors. All rights reserved.
import math
from typing import Optional, Sequence

from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmteso.audio import LOG_OFFSET, NUM_MEL_BINS


@MODELS.register_module()
class LogMelConv(BaseModule):
    """A small convolutional network over log-mels, trained with the model.

    Each 3 x 3 convolution halves time and pitch: three turn 96 rows of 10 ms
    by 64 mel bands into 12 by 8. Then the mean is taken over time only, so
    that high stays apart from low, and one linear layer mixes what is left.
    Nothing has a bias and the input is measured from the level of silence: a
    muted clip is the zero vector, whatever the network has learnt.

    Args:
        channels (Sequence[int]): Channels after each convolution, one to six.
            Defaults to (16, 32, 64).
        embed_dims (int): D_a, to which the config sets
            ``prompt_encoder.audio_dims`` as well. Defaults to 128, VGGish's.
        init_cfg (dict, optional): Initialisation. Defaults to He's, which
            keeps the signal's scale through ReLUs without normalisation.
    """

    input_key = 'log_mel'

    def __init__(self,
                 channels: Sequence[int] = (16, 32, 64),
                 embed_dims: int = 128,
                 init_cfg: Optional[dict] = dict(
                     type='Kaiming', layer='Conv2d', mode='fan_in')) -> None:
        super().__init__(init_cfg)
        layers = []
        for before, after in zip((1, *channels), channels):
            layers += [
                nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False),
                nn.ReLU(inplace=True)
            ]
        self.convs = nn.Sequential(*layers)
        bands = NUM_MEL_BINS // 2**len(channels)
        self.proj = nn.Linear(channels[-1] * bands, embed_dims, bias=False)
        self.embed_dims = embed_dims

    def forward(self, log_mel: Tensor) -> Tensor:
        """Encode one example per frame.

        Args:
            log_mel (Tensor): From :class:`AudioToLogMel`, (B, 1, 96, 64):
                time by bands.

        Returns:
            Tensor: F_A, (B, D_a).
        """
        maps = self.convs(log_mel - math.log(LOG_OFFSET))
        return self.proj(maps.mean(2).flatten(1))
