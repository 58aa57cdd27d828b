# Copyright (c) mmteso contributors. All rights reserved.
import logging
import math
from typing import Optional

import torch
from mmcv.transforms import BaseTransform
from mmengine.logging import print_log
from mmseg.registry import TRANSFORMS
from torch import Tensor

from mmteso.audio import LOG_OFFSET, NUM_FRAMES, NUM_MEL_BINS
from mmteso.io import TensorPickleError, load_tensor_pickle
from .sound_source import refuse_second_sound

# Nothing lies below digital silence; the margin is for float32.
_SILENCE = math.log(LOG_OFFSET)
_TOLERANCE = 1e-3


def _read_examples(path: str, backend_args: Optional[dict]) -> Tensor:
    """The checked examples of a file, float32, (T, 1, 96, 64)."""
    examples = load_tensor_pickle(path, backend_args)
    layout = (1, NUM_FRAMES, NUM_MEL_BINS)
    if (examples.dim() != 4 or tuple(examples.shape[1:]) != layout
            or len(examples) == 0 or not examples.is_floating_point()):
        raise TensorPickleError(
            f'"{path}" must hold VGGish examples, floats of the shape '
            f'(T, 1, {NUM_FRAMES}, {NUM_MEL_BINS}) with T >= 1, but holds '
            f'{examples.dtype} of {tuple(examples.shape)}.')
    examples = examples.float()
    if not torch.isfinite(examples).all():
        raise TensorPickleError(
            f'"{path}" holds values that are not finite.')
    if examples.min() < _SILENCE - _TOLERANCE:
        raise TensorPickleError(
            f'"{path}" is not on VGGish\'s scale: it goes down to '
            f'{examples.min():.3f}, but log(mel + {LOG_OFFSET}) can\'t lie '
            f'below {_SILENCE:.3f}.')
    return examples


@TRANSFORMS.register_module()
class LoadLogMel(BaseTransform):
    """Load the precomputed log-mel of one frame, as AVSBench hands it out.

    The file is a pickled tensor (T, 1, 96, 64) of consecutive 0.96 s VGGish
    examples. It is read without executing pickle code
    (:func:`mmteso.io.load_tensor_pickle`). A file with fewer examples than
    frames gives its last example again, as AVSBench's loaders do, and that is
    logged once per file and process.

    Required Keys:

    - log_mel_path (str)
    - frame (int)
    - uid (str)

    Added Keys:

    - log_mel (torch.Tensor): float32, (1, 96, 64).
    - audio_condition (str): 'normal'.

    Args:
        backend_args (dict, optional): Arguments of mmengine's file backend.
            Defaults to None.

    Raises:
        FileNotFoundError: If the file is missing.
        TensorPickleError: If it isn't just one pickled tensor, or doesn't
            hold VGGish examples: another shape, not floats, not finite, or
            below ``log(0.01)``, which VGGish's scale doesn't reach.
    """

    output_key = 'log_mel'

    def __init__(self, backend_args: Optional[dict] = None) -> None:
        self.backend_args = backend_args
        self._reported = set()

    def transform(self, results: dict) -> dict:
        """Load the log-mel.

        Args:
            results (dict): Result dict.

        Returns:
            dict: The dict with the log-mel.
        """
        refuse_second_sound(self, results, 'waveform', 'audio_feat')
        path, frame = results.get('log_mel_path'), results['frame']
        if path is None:
            raise KeyError(
                'LoadLogMel needs the key "log_mel_path", which '
                f'"{results["uid"]}" lacks. For a data set with sound files '
                'use LoadAudioClip and AudioToLogMel instead.')
        examples = _read_examples(path, self.backend_args)
        if frame >= len(examples) and path not in self._reported:
            self._reported.add(path)
            print_log(
                f'The log-mel file "{path}" of "{results["uid"]}" has '
                f'{len(examples)} examples; from frame {len(examples)} on the '
                'last one is repeated.',
                logger='current',
                level=logging.WARNING)
        # A copy, or the loader would send the whole file to the main process.
        results['log_mel'] = examples[min(frame, len(examples) - 1)].clone()
        results['audio_condition'] = 'normal'
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(backend_args={self.backend_args})'
