# Copyright (c) mmteso contributors. All rights reserved.
"""Other sound for the same picture."""
import hashlib
import math
from typing import Callable, Iterable, Optional, Tuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from mmseg.registry import TRANSFORMS

from mmteso.audio import EXAMPLE_SECONDS, load_waveform, white_noise
from mmteso.choices import NOISE_REFERENCES, check_choices
from ..avsbench_meta import IGNORE_INDEX
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
        check_choices(reference=(reference, NOISE_REFERENCES))
        if not math.isfinite(level_db):
            raise ValueError(f'level_db must be finite, but got {level_db}')
        self.level_db = level_db
        self.reference = reference
        self.seed = seed

    def transform(self, results: dict) -> dict:
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
        _require_waveform(self, results)
        _borrow(self, results, range, lambda _, powers: np.argmax(powers))
        return results


def _borrow(transform: AVSTransform, results: dict,
            order: Callable[[int], Iterable[int]],
            choose: Callable[[np.ndarray, np.ndarray], int]) -> None:
    """Take a clip of the first donor that is audible.

    ``order`` says in which order donors are tried; ``choose`` gets the places
    of a donor's audible clips, and the mean squares of all its clips.
    """
    donors = results.get('off_screen')
    if not donors:
        raise KeyError(
            f'{type(transform).__name__} needs the key "off_screen", which '
            f'"{results["uid"]}" lacks: build the data set with '
            'off_screen=dict(seed=0), for training with num_donors=16')
    for place in order(len(donors)):
        sound = load_waveform(donors[place]['audio_path'],
                              results['sample_rate'], transform.backend_args)
        example = round(EXAMPLE_SECONDS * results['sample_rate'])
        length = len(results['waveform'])
        if length > example:  # a window, of short sounds all there is
            length = max(min(length, len(sound)), example)
        if len(sound) < length:
            continue
        hop = round(transform.clip_hop * results['sample_rate'])
        clips = sliding_window_view(sound, length)[::hop]
        powers = np.square(clips, dtype=np.float64).mean(1)
        audible = np.flatnonzero(powers > 10**(transform.silence_db / 10))
        if len(audible):
            results['waveform'] = clips[choose(audible, powers)].astype(
                results['waveform'].dtype)
            results['audio_condition'] = 'off-screen'
            results['off_screen_uid'] = donors[place]['uid']
            return
    raise ValueError(
        f'none of the clips that could lend "{results["uid"]}" a sound for '
        '"off-screen" is audible: ' +
        ', '.join(f'"{donor["audio_path"]}"' for donor in donors) +
        ' are silent or shorter than a clip. Choose others by another seed')


@TRANSFORMS.register_module()
class SoundNegatives(AVSTransform):
    """Give some training frames a sound that nothing on screen makes (ours).

    A model that only ever hears what it sees has no reason to tell *what*
    sounds, and learns at most *whether* something does. Here a share of the
    frames gets no sound, noise, or the sound of another video that has
    nothing in common with the picture, each time drawn anew, and an empty
    mask. The idea is that of AVSBench-Robust (arXiv 2502.00358) and of robust
    AVS (arXiv 2503.12847).

    Stands in a training pipeline right after :class:`LoadAudioClip`, behind
    :class:`LoadAVSAnnotations` and before :class:`LoadTextCues`. With
    ``off_screen`` the data set says which videos lend their sound: build it
    with ``off_screen=dict(seed=0, num_donors=16)``, see
    :func:`off_screen_table`.

    Required Keys:

    - waveform (np.ndarray)
    - sample_rate (int)
    - gt_seg_map (np.ndarray)
    - off_screen (list[dict], with ``off_screen``)
    - reduce_zero_label (bool, optional)

    Modified Keys, of the frames that get another sound:

    - waveform, audio_condition: As :class:`MuteAudio`,
      :class:`ReplaceAudioWithNoise` and :class:`ReplaceAudioWithOffScreen`
      set them.
    - gt_seg_map, gt_class_map: Background wherever they aren't 255
      (``gt_seg_map`` with ``reduce_zero_label``: 255, as background is).
    - frame_classes, a_obj: Empty, so that no cue's target is that it sounds.

    Args:
        mute (float): The share of frames that become silent. Defaults to
            0.05.
        noise (float): The share that gets white noise alone. Defaults to
            0.05.
        off_screen (float): The share that gets another video's sound.
            Defaults to 0.2.
        noise_db (tuple[float, float]): Between which levels that of the noise
            is drawn, in dB below the power of the sound that is replaced.
            Defaults to (0., 40.).
        clip_hop, silence_db, backend_args: See
            :class:`ReplaceAudioWithOffScreen`.

    Raises:
        ValueError: If shares are negative or sum to more than 1, or no donor
            of a frame is audible.
        KeyError: If the data set gives no donors.
        RuntimeError: If it stands elsewhere in the pipeline, where masks or
            targets of cues would stay as they are.
    """

    def __init__(self,
                 mute: float = 0.05,
                 noise: float = 0.05,
                 off_screen: float = 0.2,
                 noise_db: Tuple[float, float] = (0., 40.),
                 clip_hop: float = 1.0,
                 silence_db: float = -60.,
                 backend_args: Optional[dict] = None) -> None:
        if min(mute, noise, off_screen) < 0 or mute + noise + off_screen > 1:
            raise ValueError(
                'mute, noise and off_screen must be shares of the frames that '
                f'sum to at most 1, but got {mute}, {noise} and {off_screen}')
        self.mute = mute
        self.noise = noise
        self.off_screen = off_screen
        self.noise_db = noise_db
        self.clip_hop = clip_hop
        self.silence_db = silence_db
        self.backend_args = backend_args

    def transform(self, results: dict) -> dict:
        """Replace the sound of some frames, and empty their masks."""
        _require_waveform(self, results)
        if 'gt_seg_map' not in results or 'text_cues' in results:
            raise RuntimeError(
                'SoundNegatives empties the mask, and with it the targets of '
                'the cues: put it behind LoadAVSAnnotations and before '
                'LoadTextCues')
        draw = np.random.random()
        if draw < self.mute:
            results = MuteAudio()(results)
        elif draw < self.mute + self.noise:
            level = np.random.uniform(*self.noise_db)
            results['waveform'] = white_noise(
                results['waveform'],
                level,
                generator=np.random.default_rng(np.random.randint(2**31)))
            results['audio_condition'] = f'wgn-{level:.0f}db'
        elif draw < self.mute + self.noise + self.off_screen:
            _borrow(self, results, np.random.permutation,
                    lambda audible, _: np.random.choice(audible))
        else:
            return results
        background = IGNORE_INDEX if results.get('reduce_zero_label') else 0
        for key, empty in (('gt_class_map', 0), ('gt_seg_map', background)):
            if key in results:
                labels = results[key]
                results[key] = np.where(labels == IGNORE_INDEX, labels,
                                        np.uint8(empty))
        results['frame_classes'] = results['a_obj'] = ()
        return results
