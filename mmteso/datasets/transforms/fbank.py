# Copyright (c) mmteso contributors. All rights reserved.
import torch
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

from mmteso.audio import FBANK_SAMPLE_RATE, FBANK_WINDOW, kaldi_fbank


@TRANSFORMS.register_module()
class AudioToFbank(BaseTransform):
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
        """Compute the filter bank.

        Args:
            results (dict): Result dict.

        Returns:
            dict: The dict with the filter bank.
        """
        if 'waveform' not in results:
            raise KeyError('AudioToFbank needs the key "waveform". Put '
                           'LoadAudioClip before it.')
        waveform, rate = results['waveform'], results['sample_rate']
        if rate != FBANK_SAMPLE_RATE or len(waveform) < FBANK_WINDOW:
            raise ValueError(
                f'BEATs reads at least {FBANK_WINDOW} samples at '
                f'{FBANK_SAMPLE_RATE} Hz, but got {waveform.shape} at {rate} '
                f'Hz. Use LoadAudioClip(sample_rate={FBANK_SAMPLE_RATE}).')
        results[self.output_key] = kaldi_fbank(
            torch.from_numpy(waveform)).float()
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
