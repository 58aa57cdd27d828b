# Copyright (c) mmteso contributors. All rights reserved.
"""Other sound for the same picture."""
import hashlib
import math
from typing import Optional, Tuple

import numpy as np
from mmseg.registry import TRANSFORMS

from mmteso.audio import (EXAMPLE_SECONDS, NOISE_REFERENCES, load_waveform,
                          white_noise)
from .base import AVSTransform


def _require_waveform(transform: AVSTransform, results: dict) -> None:
    """Refuse a place in the pipeline where altering the sound does nothing."""
    made = {'log_mel', 'audio_values', 'sound_level', 'audio_feat'} & set(
        results)
    if made or 'waveform' not in results:
        found = f'after {made.pop()} was made' if made else 'without waveform'
        raise RuntimeError(
            f'{type(transform).__name__} stands {found}, where it changes '
            'nothing. Put it right after LoadAudioClip; precomputed log-mels '
            'and features have no sound to alter.')


@TRANSFORMS.register_module()
class MuteAudio(AVSTransform):
    """Replace the sound by digital silence, the picture unchanged.

    Required Keys:

    - waveform (np.ndarray)

    Modified Keys:

    - waveform (np.ndarray): Zeros.
    - audio_condition (str): 'mute'.
    """

    def transform(self, results: dict) -> dict:
        """Mute."""
        _require_waveform(self, results)
        results['waveform'] = np.zeros_like(results['waveform'])
        results['audio_condition'] = 'mute'
        return results


@TRANSFORMS.register_module()
class ReplaceAudioWithNoise(AVSTransform):
    """Replace the sound by white Gaussian noise, the picture unchanged.

    The noise of a frame follows from ``seed``, ``uid`` and ``frame`` alone,
    so a run repeats; two levels give the same noise, louder or softer.

    Required Keys:

    - waveform (np.ndarray), uid (str), frame (int)

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
        if not math.isfinite(level_db) or reference not in NOISE_REFERENCES:
            raise ValueError(
                f'level_db must be finite and reference one of '
                f'{NOISE_REFERENCES}, but got {level_db} and {reference!r}.')
        self.level_db = level_db
        self.reference = reference
        self.seed = seed

    def transform(self, results: dict) -> dict:
        """Replace the sound."""
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


@TRANSFORMS.register_module()
class ReplaceAudioWithOffScreen(AVSTransform):
    """Replace the sound by that of a video with other classes.

    The data set says which videos: build it with ``off_screen=dict(...)``
    (see :class:`BaseAVSDataset`). The first donor whose sound is audible is
    taken, and of it for all frames of a clip the loudest second: a silent one
    would be mute under another name.

    Required Keys:

    - waveform (np.ndarray), sample_rate (int), uid (str)
    - off_screen (list[dict]): Donors, best first, each with ``uid`` and
      ``audio_path``.

    Modified Keys:

    - waveform (np.ndarray): As long as before; of a donor shorter than a
      ``window`` of :class:`LoadAudioClip` the whole sound.
    - audio_condition (str): 'off-screen'.

    Added Keys:

    - off_screen_uid (str): The donor.

    Args:
        clip_hop (float): Seconds between the starts of a donor's seconds.
            Defaults to 1.0.
        silence_db (float): A second whose root mean square is not more than
            this many dB over full scale is silent. Defaults to -60.
        backend_args (dict, optional): Those of mmengine's file backend.

    Raises:
        KeyError: If the data set gives no donors.
        ValueError: If all donors are silent or too short.
    """

    def __init__(self,
                 clip_hop: float = 1.0,
                 silence_db: float = -60.,
                 backend_args: Optional[dict] = None) -> None:
        if not clip_hop > 0:
            raise ValueError(f'clip_hop must be positive, but got {clip_hop}')
        self.clip_hop = clip_hop
        self.silence_db = silence_db
        self.backend_args = backend_args

    def transform(self, results: dict) -> dict:
        """Replace the sound."""
        _require_waveform(self, results)
        if not results.get('off_screen'):
            raise KeyError(
                f'ReplaceAudioWithOffScreen needs the key "off_screen", which '
                f'"{results["uid"]}" lacks: build the data set with '
                'off_screen=dict(seed=0), as the audio condition "off-screen" '
                'does')
        for donor in results['off_screen']:
            clip, power = self._loudest_second(donor['audio_path'], results)
            if power > 10**(self.silence_db / 10):
                results['waveform'] = clip
                results['audio_condition'] = 'off-screen'
                results['off_screen_uid'] = donor['uid']
                return results
        raise ValueError(
            f'none of the clips that could lend "{results["uid"]}" a sound '
            'for "off-screen" is audible: ' + ', '.join(
                f'"{donor["audio_path"]}"' for donor in results['off_screen'])
            + ' are silent or shorter than a clip. Choose others by another '
            'seed')

    def _loudest_second(
            self, path: str,
            results: dict) -> Tuple[Optional[np.ndarray], float]:
        """A clip of the donor and its mean square; (None, 0.) if too short."""
        rate, length = results['sample_rate'], len(results['waveform'])
        sound = load_waveform(path, rate, self.backend_args)
        example = round(EXAMPLE_SECONDS * rate)
        if length > example:  # a window, of short sounds all there is
            length = max(min(length, len(sound)), example)
        starts = range(0, len(sound) - length + 1, round(self.clip_hop * rate))
        clips = [sound[start:start + length] for start in starts]
        if not clips:
            return None, 0.
        powers = [
            float(np.mean(np.square(clip, dtype=np.float64))) for clip in clips
        ]
        best = int(np.argmax(powers))
        return clips[best].astype(results['waveform'].dtype), powers[best]
