# Copyright (c) mmteso contributors. All rights reserved.
"""From a waveform to an audio encoder's input, which `output_key` names."""
from functools import cached_property
from typing import Any, Dict

import numpy as np
import torch
from mmseg.registry import TRANSFORMS

from mmteso.audio import (EXAMPLE_SAMPLES, FBANK_SAMPLE_RATE, FBANK_WINDOW,
                          SAMPLE_RATE, kaldi_fbank, log_mel_examples)
from mmteso.optional import require
from .base import AVSTransform


@TRANSFORMS.register_module()
class AudioToLogMel(AVSTransform):
    """Turn the sound of a frame into VGGish's input.

    The numbers are those of torchvggish's front end to 1e-4:
    ``log(mel + 0.01)``, so silence is -4.605 throughout.

    Required Keys:

    - waveform (np.ndarray): (15600,)
    - sample_rate (int): 16000

    Added Keys:

    - log_mel (torch.Tensor): float32, (1, 96, 64): one channel, 96 rows of
      10 ms, 64 mel bands.
    """

    output_key = 'log_mel'

    def transform(self, results: dict) -> dict:
        waveform, rate = results['waveform'], results['sample_rate']
        if waveform.shape != (EXAMPLE_SAMPLES, ) or rate != SAMPLE_RATE:
            raise ValueError(
                f'VGGish reads ({EXAMPLE_SAMPLES},) samples at {SAMPLE_RATE} '
                f'Hz, but got {waveform.shape} at {rate} Hz. Use LoadAudioClip'
                f'(sample_rate={SAMPLE_RATE}).')
        examples = log_mel_examples(torch.from_numpy(waveform))
        results['log_mel'] = examples.squeeze(0).float()
        return results


@TRANSFORMS.register_module()
class AudioToFbank(AVSTransform):
    """Turn the sound of a frame into the input of :class:`BEATs`.

    Kaldi's log-mel filter bank at the scale of 16-bit samples, so silence is
    -15.942 throughout. BEATs' own normalisation is the encoder's.

    Required Keys:

    - waveform (np.ndarray): (num_samples,)
    - sample_rate (int): 16000

    Added Keys:

    - audio_values (torch.Tensor): float32, (T, 128): rows of 10 ms, 96 of the
      0.975 s of :class:`LoadAudioClip`, and mel bands.
    """

    output_key = 'audio_values'

    def transform(self, results: dict) -> dict:
        waveform, rate = results['waveform'], results['sample_rate']
        if rate != FBANK_SAMPLE_RATE or len(waveform) < FBANK_WINDOW:
            raise ValueError(
                f'BEATs reads at least {FBANK_WINDOW} samples at '
                f'{FBANK_SAMPLE_RATE} Hz, but got {waveform.shape} at {rate} '
                f'Hz. Use LoadAudioClip(sample_rate={FBANK_SAMPLE_RATE}).')
        results['audio_values'] = kaldi_fbank(
            torch.from_numpy(waveform)).float()
        return results


@TRANSFORMS.register_module()
class AudioToModelInput(AVSTransform):
    """Turn the sound of a frame into the input of a model of transformers.

    The model's own feature extractor does it, for
    :class:`TransformersAudioEncoder` of the same name. :class:`LoadAudioClip`
    has to give its sample rate: 16000 for AST, Wav2Vec2, HuBERT and Whisper,
    48000 for CLAP.

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
        pretrained (str): Name on the Hugging Face hub, or a folder with the
            model's ``preprocessor_config.json``.

    Raises:
        ImportError: If transformers is not installed.
        OSError: If there is no such model.
        ValueError: If the clip has another sample rate, or the extractor
            fills it up and marks what it has filled, which can't be passed on.
    """

    output_key = 'audio_values'

    def __init__(self, pretrained: str) -> None:
        self.pretrained = pretrained

    @cached_property
    def extractor(self) -> Any:
        """The feature extractor, made where it is first used."""
        transformers = require('transformers', 'text')
        return transformers.AutoFeatureExtractor.from_pretrained(
            self.pretrained)

    def settings(self) -> Dict[str, Any]:
        """The extractor's settings, plain data as in its file."""
        return {
            key: value
            for key, value in self.extractor.to_dict().items()
            if not isinstance(value, np.ndarray)
        }

    def transform(self, results: dict) -> dict:
        rate = self.extractor.sampling_rate
        if results['sample_rate'] != rate:
            raise ValueError(
                f'The model {self.pretrained!r} reads {rate} samples a '
                f'second, but got {results["sample_rate"]}. Use '
                f'LoadAudioClip(sample_rate={rate}).')
        features = self.extractor(
            results['waveform'], sampling_rate=rate, return_tensors='np')
        mask = features.get('attention_mask')
        if mask is not None and not np.all(mask):
            raise ValueError(
                f'The extractor of {self.pretrained!r} fills up a clip of '
                f'{len(results["waveform"])} samples and marks what it has '
                'filled; the model would take it for sound.')
        values = features[self.extractor.model_input_names[0]][0]
        results['audio_values'] = torch.from_numpy(
            np.ascontiguousarray(values, dtype=np.float32))
        return results


@TRANSFORMS.register_module()
class MeasureSoundLevel(AVSTransform):
    """Measure how loud the sound of a frame is.

    For models that have to know silence (:class:`ZeroShotAVS`): in the input
    of an audio encoder, which may be normalised, the level can't be read.

    Required Keys:

    - waveform (np.ndarray): (num_samples,)

    Added Keys:

    - sound_level (torch.Tensor): float32, (): the root mean square in dB over
      full scale (dBFS), a full-scale square wave being 0; -200 of digital
      silence.
    """

    output_key = 'sound_level'

    def transform(self, results: dict) -> dict:
        power = np.mean(np.square(results['waveform'], dtype=np.float64))
        results['sound_level'] = torch.tensor(
            10 * np.log10(max(power, 1e-20)), dtype=torch.float32)
        return results
