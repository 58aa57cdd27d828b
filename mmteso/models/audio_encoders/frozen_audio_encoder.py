# Copyright (c) mmteso contributors. All rights reserved.
import os

from mmengine.runner import CheckpointLoader

from mmteso.io import read_state_dict
from ..weights import PretrainedModule, load_part


class FrozenAudioEncoder(PretrainedModule):
    """An audio encoder whose weights a file gives and nothing changes.

    Attributes:
        weights_from (str): Where the file can be had, for a message.
    """

    weights_from: str

    def read_weights(self, path: str) -> dict:
        """The state dict in a file."""
        return read_state_dict(path)

    def load_pretrained(self, path: str) -> None:
        """Load the weights of a file or an URL, all of them."""
        if '://' in path:
            load_part(
                self,
                CheckpointLoader.load_checkpoint(path, map_location='cpu'),
                path)
            return
        if not os.path.isfile(path):
            raise FileNotFoundError(
                f"{type(self).__name__}'s weights are not at {path!r}: put "
                f'{self.weights_from} there, or say where they are in '
                'audio_encoder.init_cfg.checkpoint')
        load_part(self, self.read_weights(path), path)

    def train(self, mode: bool = True) -> 'FrozenAudioEncoder':
        """Stay in eval mode whatever the runner asks for."""
        return super().train(False)
