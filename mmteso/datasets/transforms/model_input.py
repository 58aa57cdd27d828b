# Copyright (c) mmteso contributors. All rights reserved.
from functools import cached_property
from typing import Any, Dict

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

from mmteso.io.hf_folder import require_hf_files
from mmteso.optional import require

_FILES = ('preprocessor_config.json', 'processor_config.json')


@TRANSFORMS.register_module()
class AudioToModelInput(BaseTransform):
    """Turn the sound of a frame into the input of a model of transformers.

    The model's own feature extractor does it, for
    :class:`TransformersAudioEncoder` with the same folder. The clip must have
    the extractor's sample rate, so set it in :class:`LoadAudioClip`: 16000
    for AST, Wav2Vec2, HuBERT and Whisper, 48000 for CLAP.

    Extractors that scale each clip to unit variance (Wav2Vec2 and HuBERT with
    ``do_normalize``) hide its loudness: white noise of 10 dB and of 40 dB are
    then almost the same input. Silence stays silence.

    Required Keys:

    - waveform (np.ndarray): (num_samples,)
    - sample_rate (int)

    Added Keys:

    - audio_values (torch.Tensor): float32, what the extractor makes of one
      clip, e.g. (1024, 128) for AST, (1, 1001, 64) for CLAP.

    Args:
        pretrained (str): Local folder with the model's
            ``preprocessor_config.json``.

    Raises:
        ImportError: If transformers is not installed.
        FileNotFoundError: If the folder has no such file.
        ValueError: If the clip has another sample rate, or the extractor
            fills it up and marks what it has filled, which can't be passed on.
    """

    output_key = 'audio_values'

    def __init__(self, pretrained: str) -> None:
        self.pretrained = pretrained
        require_hf_files(pretrained, _FILES, type(self).__name__)

    @cached_property
    def extractor(self) -> Any:
        """The feature extractor, made where it is first used."""
        transformers = require('transformers', 'text')
        return transformers.AutoFeatureExtractor.from_pretrained(
            self.pretrained, local_files_only=True)

    def settings(self) -> Dict[str, Any]:
        """The extractor's settings, as in its file.

        Returns:
            dict: Plain data.
        """
        return {
            key: value
            for key, value in self.extractor.to_dict().items()
            if not isinstance(value, np.ndarray)
        }

    def transform(self, results: dict) -> dict:
        """Run the feature extractor.

        Args:
            results (dict): Result dict.

        Returns:
            dict: The dict with the model's input.
        """
        if 'waveform' not in results:
            raise KeyError('AudioToModelInput needs the key "waveform". Put '
                           'LoadAudioClip before it.')
        rate = self.extractor.sampling_rate
        if results['sample_rate'] != rate:
            raise ValueError(
                f'The model in {self.pretrained!r} hears {rate} samples a '
                f'second, but got {results["sample_rate"]}. Use '
                f'LoadAudioClip(sample_rate={rate}).')
        features = self.extractor(
            results['waveform'], sampling_rate=rate, return_tensors='np')
        mask = features.get('attention_mask')
        if mask is not None and not np.all(mask):
            raise ValueError(
                f'The extractor of {self.pretrained!r} fills up a clip of '
                f'{len(results["waveform"])} samples and marks what it has '
                'filled; the model would hear it as sound.')
        values = features[self.extractor.model_input_names[0]][0]
        results[self.output_key] = torch.from_numpy(
            np.ascontiguousarray(values, dtype=np.float32))
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(pretrained={self.pretrained!r})'
