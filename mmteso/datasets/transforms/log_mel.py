# Copyright (c) mmteso contributors. All rights reserved.
import torch
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

from mmteso.audio import EXAMPLE_SAMPLES, SAMPLE_RATE, log_mel_examples


@TRANSFORMS.register_module()
class AudioToLogMel(BaseTransform):
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
        """Compute the log-mel spectrogram.

        Args:
            results (dict): Result dict.

        Returns:
            dict: The dict with the log-mel.
        """
        if 'waveform' not in results:
            raise KeyError('AudioToLogMel needs the key "waveform". Put '
                           'LoadAudioClip before it.')
        waveform, rate = results['waveform'], results['sample_rate']
        if waveform.shape != (EXAMPLE_SAMPLES, ) or rate != SAMPLE_RATE:
            raise ValueError(
                f'VGGish reads ({EXAMPLE_SAMPLES},) samples at {SAMPLE_RATE} '
                f'Hz, but got {waveform.shape} at {rate} Hz. Use LoadAudioClip'
                f'(sample_rate={SAMPLE_RATE}).')
        examples = log_mel_examples(torch.from_numpy(waveform))
        results['log_mel'] = examples.squeeze(0).float()
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
