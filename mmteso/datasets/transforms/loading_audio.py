# Copyright (c) mmteso contributors. All rights reserved.
import logging

from mmcv.transforms import BaseTransform
from mmengine.logging import print_log
from mmseg.registry import TRANSFORMS

from mmteso.audio import (EXAMPLE_SECONDS, SAMPLE_RATE, AudioFileError,
                          cut_clip, last_clip_rule, load_waveform)
from .sound_source import refuse_second_sound

# A sound that ends by less before its last frame's clip does is not worth a
# warning: encoders cut and pad by some hundredths of a second.
_TOLERANCE = 0.1


@TRANSFORMS.register_module()
class LoadAudioClip(BaseTransform):
    """Load the sound of one frame.

    The file is read at any rate and with any number of channels, and becomes
    mono at ``sample_rate``. The clip of frame ``t`` starts at
    ``t * clip_hop`` seconds and lasts 0.975 s, what one VGGish example reads.

    Where the file ends before that clip does, the paper says nothing. With
    the seconds of the paper the clip is the file's last 0.975 s (ours): a
    file of 4.97 s lets frame 4 hear from 3.995 s on, one of 4.5 s from
    3.525 s on, and so it does every later frame. Consecutive examples
    (``clip_hop=0.96``) keep to AVSBench's preprocessing, which repeats the
    last complete one. A clip that lies more than 0.1 s before its frame is
    logged, once per file and process. What a file has beyond its frames is
    not heard.

    Required Keys:

    - audio_path (str)
    - frame (int)
    - uid (str)

    Added Keys:

    - waveform (np.ndarray): float32, (15600,) at 16 kHz, nominally in
      [-1, 1].
    - sample_rate (int): Samples per second.
    - audio_condition (str): 'normal'.

    Args:
        sample_rate (int): Samples per second. VGGish and BEATs need 16000,
            CLAP 48000. Defaults to 16000.
        clip_hop (float): Seconds between the starts of two frames' clips:
            1.0 cuts the one-second clips of the TeSO paper, 0.96 gives the
            consecutive VGGish examples of AVSBench's own preprocessing, and
            their rule for short files. Defaults to 1.0.
        backend_args (dict, optional): Arguments of mmengine's file backend.
            Defaults to None.

    Attributes:
        last_clip (str): The rule for short files, see
            :func:`mmteso.audio.last_clip_rule`.

    Raises:
        FileNotFoundError: If the file is missing.
        AudioFileError: If it can't be decoded or is too short for even one
            clip. Such a file has no VGGish example (AVSBench's loaders fail
            on it, too); filling it with silence would feed the model a sound
            that nobody recorded.
    """

    def __init__(self,
                 sample_rate: int = SAMPLE_RATE,
                 clip_hop: float = 1.0,
                 backend_args: dict = None) -> None:
        if sample_rate < 1:
            raise ValueError(
                f'sample_rate must be positive, but got {sample_rate}.')
        if round(clip_hop * sample_rate) < 1:
            raise ValueError(f'clip_hop must be positive, but got {clip_hop}.')
        self.sample_rate = sample_rate
        self.clip_hop = clip_hop
        self.backend_args = backend_args
        self._hop_samples = round(clip_hop * sample_rate)
        self._clip_samples = round(EXAMPLE_SECONDS * sample_rate)
        self.last_clip = last_clip_rule(clip_hop)
        self._reported = set()

    def transform(self, results: dict) -> dict:
        """Load the clip.

        Args:
            results (dict): Result dict.

        Returns:
            dict: The dict with the waveform.
        """
        refuse_second_sound(self, results, 'log_mel', 'audio_values',
                            'audio_feat')
        if results.get('audio_path') is None:
            raise KeyError(
                'LoadAudioClip needs the key "audio_path", which '
                f'"{results["uid"]}" lacks. For a data set with precomputed '
                'log-mels use LoadLogMel instead.')
        path, frame = results['audio_path'], results['frame']
        waveform = load_waveform(path, self.sample_rate, self.backend_args)
        if len(waveform) < self._clip_samples:
            raise AudioFileError(
                f'The sound file "{path}" of "{results["uid"]}" lasts '
                f'{len(waveform) / self.sample_rate:.3f} s, too short for one '
                f'clip of {EXAMPLE_SECONDS} s. Replace the file or leave the '
                'video out.')
        clip, start = cut_clip(waveform, frame, self._hop_samples,
                               self._clip_samples, self.last_clip)
        if (frame * self._hop_samples - start > _TOLERANCE * self.sample_rate
                and path not in self._reported):
            self._reported.add(path)
            print_log(
                f'The sound file "{path}" of "{results["uid"]}" lasts '
                f'{len(waveform) / self.sample_rate:.3f} s, too short for '
                f'frame {frame}: it hears the {EXAMPLE_SECONDS} s from '
                f'{start / self.sample_rate:.3f} s on, and so do later ones.',
                logger='current',
                level=logging.WARNING)
        results['waveform'] = clip
        results['sample_rate'] = self.sample_rate
        results['audio_condition'] = 'normal'
        return results

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(sample_rate={self.sample_rate}, '
                f'clip_hop={self.clip_hop}, '
                f'backend_args={self.backend_args})')
