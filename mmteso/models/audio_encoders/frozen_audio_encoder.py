# Copyright (c) mmteso contributors. All rights reserved.
from mmengine.model import BaseModule
from mmengine.runner import CheckpointLoader

from ..weights import load_part


class FrozenAudioEncoder(BaseModule):
    """An audio encoder whose weights a file gives and nothing changes.

    The file is read when training starts; its weights stay in the checkpoints
    that training writes, so testing needs no other file.

    Args:
        init_cfg (dict, optional): Of type Pretrained, with a ``checkpoint``.
            Defaults to None: random weights.

    Attributes:
        weights_from (str): Where the file can be had, for a message.
    """

    weights_from: str

    def __init__(self, init_cfg: dict = None) -> None:
        super().__init__(init_cfg)
        if init_cfg is not None and init_cfg.get('type') != 'Pretrained':
            raise ValueError(
                f'{type(self).__name__} is frozen: its init_cfg must be of '
                f'type Pretrained, but got {init_cfg}')

    def read_weights(self, path: str) -> dict:
        """The state dict in a file."""
        checkpoint = CheckpointLoader.load_checkpoint(path, map_location='cpu')
        return checkpoint.get('state_dict', checkpoint)

    def init_weights(self) -> None:
        """Load the weights that ``init_cfg`` names, all of them.

        Raises:
            FileNotFoundError: If there is no such file.
            RuntimeError: If its keys or shapes are not this encoder's.
        """
        if self.init_cfg is not None and not self.is_init:
            path = self.init_cfg['checkpoint']
            try:
                state = self.read_weights(path)
            except FileNotFoundError as error:
                raise FileNotFoundError(
                    f"{type(self).__name__}'s weights are not at {path!r}: "
                    f'put {self.weights_from} there, or say where they are '
                    'in audio_encoder.init_cfg.checkpoint') from error
            load_part(self, state, path)
        self._is_init = True

    def train(self, mode: bool = True) -> 'FrozenAudioEncoder':
        """Stay in eval mode whatever the runner asks for."""
        return super().train(False)
