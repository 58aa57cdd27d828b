# Copyright (c) mmteso contributors. All rights reserved.
import hashlib
import math

import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

from mmteso.audio import NOISE_REFERENCES, white_noise


def _require_waveform(transform: BaseTransform, results: dict) -> None:
    """Refuse a place in the pipeline where altering the sound does nothing."""
    name = type(transform).__name__
    made = {'log_mel', 'audio_values', 'audio_feat'} & set(results)
    if made:
        raise RuntimeError(
            f'{name} stands behind the transform that made {made.pop()}, '
            'where it changes nothing any more. Put it between LoadAudioClip '
            'and AudioToLogMel (or what else makes the input of the audio '
            'encoder). Precomputed log-mels and features have no sound to '
            'alter: use the wav files.')
    if 'waveform' not in results:
        raise KeyError(f'{name} needs the key "waveform". Put LoadAudioClip '
                       'before it.')


@TRANSFORMS.register_module()
class MuteAudio(BaseTransform):
    """Replace the sound by digital silence, the picture unchanged.

    Required Keys:

    - waveform (np.ndarray)

    Modified Keys:

    - waveform (np.ndarray): Zeros.
    - audio_condition (str): 'mute'.
    """

    def transform(self, results: dict) -> dict:
        """Mute.

        Args:
            results (dict): Result dict.

        Returns:
            dict: The dict with a silent waveform.
        """
        _require_waveform(self, results)
        results['waveform'] = np.zeros_like(results['waveform'])
        results['audio_condition'] = 'mute'
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'


@TRANSFORMS.register_module()
class ReplaceAudioWithNoise(BaseTransform):
    """Replace the sound by white Gaussian noise, the picture unchanged.

    The noise of a frame follows from ``seed``, ``uid`` and ``frame`` alone.
    It doesn't depend on order, epoch, worker or process, so a run repeats;
    two levels give the same noise, only louder or softer.

    Required Keys:

    - waveform (np.ndarray)
    - uid (str)
    - frame (int)

    Modified Keys:

    - waveform (np.ndarray): The noise alone.
    - audio_condition (str): 'wgn-{level_db}db', e.g. 'wgn-10db'. It doesn't
      name the reference.

    Added Keys:

    - noise_reference (str): The reference.

    Args:
        level_db (float): The level in dB.
        reference (str): What the level refers to: 'snr', this many dB *below*
            the power of the clip that is replaced (a silent clip gives
            silence); 'pcm16', dB over one 16-bit step; 'full_scale', dB over
            amplitude 1, clipped to [-1, 1]. Defaults to 'snr'.
        seed (int): Chooses other noise. Defaults to 0.
    """

    def __init__(self,
                 level_db: float,
                 reference: str = 'snr',
                 seed: int = 0) -> None:
        if not math.isfinite(level_db):
            raise ValueError(f'level_db must be finite, but got {level_db}.')
        if reference not in NOISE_REFERENCES:
            raise ValueError(f'reference must be one of {NOISE_REFERENCES}, '
                             f'but got {reference!r}.')
        self.level_db = level_db
        self.reference = reference
        self.seed = seed

    def transform(self, results: dict) -> dict:
        """Replace the sound.

        Args:
            results (dict): Result dict.

        Returns:
            dict: The dict with noise as waveform.
        """
        _require_waveform(self, results)
        # Not hash(): that differs from process to process.
        key = f'{self.seed}/{results["frame"]}/{results["uid"]}'.encode()
        digest = hashlib.sha256(key).digest()
        results['waveform'] = white_noise(
            results['waveform'],
            self.level_db,
            self.reference,
            generator=np.random.default_rng(int.from_bytes(digest, 'little')))
        results['audio_condition'] = f'wgn-{self.level_db:g}db'
        results['noise_reference'] = self.reference
        return results

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(level_db={self.level_db}, '
                f'reference={self.reference!r}, seed={self.seed})')
