# Copyright (c) mmteso contributors. All rights reserved.
import torch
from mmseg.registry import MODELS
from torch import Tensor

from mmteso.optional import require
from .frozen_audio_encoder import FrozenAudioEncoder


@MODELS.register_module()
class VGGish(FrozenAudioEncoder):
    """VGGish, frozen, before PCA and quantisation (paper 4.1).

    The network is torchvggish's. Weights come from a local copy of
    ``vggish-10086976.pth``::

        audio_encoder=dict(type='VGGish', init_cfg=dict(
            type='Pretrained', checkpoint='checkpoints/vggish-10086976.pth'))

    Args:
        init_cfg (dict, optional): Where the weights are. Defaults to None:
            random weights.

    Raises:
        ImportError: If torchvggish is not installed.
    """

    input_key = 'log_mel'
    embed_dims = 128
    weights_from = (
        "vggish-10086976.pth of torchvggish's release v0.1 "
        '(tools/prepare_weights.py CONFIG does)')

    def __init__(self, init_cfg: dict = None) -> None:
        super().__init__(init_cfg)
        vggish = require('torchvggish.torchvggish', 'audio')
        # Building the layers here instead of calling torchvggish.vggish(),
        # which downloads; names match the weights' file.
        network = vggish.VGG(vggish.make_layers(), postprocess=False)
        self.features = network.features
        self.embeddings = network.embeddings
        self.requires_grad_(False)
        self.eval()

    @torch.no_grad()
    def forward(self, log_mel: Tensor) -> Tensor:
        """(B, 1, 96, 64) -> (B, 128)."""
        x = self.features(log_mel)
        # The weights come from a channels-last network: flatten as it did.
        return self.embeddings(x.permute(0, 2, 3, 1).flatten(1))
