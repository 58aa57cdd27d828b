# Copyright (c) mmteso contributors. All rights reserved.
import torch
from mmengine.model import BaseModule
from mmengine.runner import CheckpointLoader
from mmseg.registry import MODELS
from torch import Tensor

from mmteso.optional import require

_FILE = 'vggish-10086976.pth'


@MODELS.register_module()
class VGGish(BaseModule):
    """VGGish, frozen, before PCA and quantisation (paper 4.1).

    The network is torchvggish's; it is imported when the encoder is built and
    nothing is downloaded. Weights come from a local copy of
    ``vggish-10086976.pth``::

        audio_encoder=dict(type='VGGish', init_cfg=dict(
            type='Pretrained', checkpoint='checkpoints/vggish-10086976.pth'))

    They are read when training starts and stay in the checkpoints that
    training writes, so testing needs no other file.

    Args:
        init_cfg (dict, optional): Where the weights are. Defaults to None:
            random weights.

    Raises:
        ImportError: If torchvggish is not installed.
    """

    input_key = 'log_mel'
    embed_dims = 128

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

    def init_weights(self) -> None:
        """Load the weights that ``init_cfg`` names, all of them.

        Raises:
            FileNotFoundError: If there is no such file.
            RuntimeError: If the file's keys or shapes are not VGGish's.
        """
        if self.init_cfg is not None and not self.is_init:
            if self.init_cfg.get('type') != 'Pretrained':
                raise ValueError('VGGish is frozen: its init_cfg must be of '
                                 f'type Pretrained, but got {self.init_cfg}')
            # mmengine's own Pretrained initialiser would leave what is
            # missing in the file at random values, with a warning.
            path = self.init_cfg['checkpoint']
            try:
                checkpoint = CheckpointLoader.load_checkpoint(
                    path, map_location='cpu')
            except FileNotFoundError as error:
                raise FileNotFoundError(
                    f'VGGish\'s weights are not at {path!r}: put {_FILE} of '
                    'torchvggish\'s release v0.1 there '
                    '(tools/prepare_weights.py CONFIG does), or say where it '
                    'is in audio_encoder.init_cfg.checkpoint') from error
            try:
                self.load_state_dict(checkpoint.get('state_dict', checkpoint))
            except RuntimeError as error:
                raise RuntimeError(f'{path!r} does not hold VGGish\'s weights '
                                   f'as {_FILE} does: {error}') from error
        self._is_init = True

    def train(self, mode: bool = True) -> 'VGGish':
        """Stay in eval mode whatever the runner asks for."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, log_mel: Tensor) -> Tensor:
        """Embed one example per frame.

        Args:
            log_mel (Tensor): (B, 1, 96, 64).

        Returns:
            Tensor: (B, 128).
        """
        x = self.features(log_mel)
        # The weights come from a channels-last network: flatten as it did.
        return self.embeddings(x.permute(0, 2, 3, 1).flatten(1))
