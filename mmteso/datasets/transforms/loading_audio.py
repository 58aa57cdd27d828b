# Copyright (c) mmteso contributors. All rights reserved.
"""The sound of a frame: from a sound file, AVSBench's log-mels, or a cache."""
import math
import os.path as osp
from typing import Dict, Optional

import torch
from mmseg.registry import TRANSFORMS
from torch import Tensor

from mmteso.audio import (EXAMPLE_SECONDS, LOG_OFFSET, NUM_FRAMES,
                          NUM_MEL_BINS, SAMPLE_RATE, AudioFileError, cut_clip,
                          last_clip_rule, load_waveform)
from mmteso.io import (FeatureFile, FeatureFileError, TensorPickleError,
                       feature_key, load_tensor_pickle)
from mmteso.logs import warn
from .base import AVSTransform, frame_name

# A sound that ends by less before its last frame's clip does is not worth a
# warning: encoders cut and pad by some hundredths of a second.
_TOLERANCE = 0.1
# Nothing lies below digital silence; the margin is for float32.
_LEAST_LOG_MEL = math.log(LOG_OFFSET) - 1e-3


def _refuse_second_sound(transform: AVSTransform, results: dict) -> None:
    """A frame has one sound; the later one would win without a word."""
    found = {'waveform', 'log_mel', 'audio_values', 'audio_feat'} & set(
        results)
    if found:
        raise RuntimeError(
            f'{type(transform).__name__} would be a second source of sound '
            f'for {frame_name(results)}, which has '
            f'{" and ".join(sorted(found))} already. Load the sound once: by '
            'LoadAudioClip and AudioToLogMel (which altered sound needs), or '
            'by LoadLogMel, or by LoadAudioFeatures.')


@TRANSFORMS.register_module()
class LoadAudioClip(AVSTransform):
    """Load the sound of one frame.

    The file, of any rate and number of channels, becomes mono at
    ``sample_rate``. The clip of frame ``t`` starts at ``t * clip_hop`` seconds
    and lasts 0.975 s, what one VGGish example reads; with ``window`` as long
    as that says, around the middle of the frame's second, moved where it
    would begin before the sound or end after it. A sound shorter than the
    window is taken whole.

    Where the file ends before that clip does, the paper says nothing. With
    the seconds of the paper the clip is the file's last 0.975 s (ours): in a
    file of 4.97 s the clip of frame 4 starts at 3.995 s. Consecutive examples
    (``clip_hop=0.96``) keep to AVSBench's preprocessing, which repeats the
    last complete one. A clip that lies more than 0.1 s before its frame is
    logged, once per file and process.

    Required Keys:

    - audio_path (str), frame (int), uid (str)

    Added Keys:

    - waveform (np.ndarray): float32, (15600,) at 16 kHz, nominally in
      [-1, 1].
    - sample_rate (int)
    - audio_condition (str): 'normal'.

    Args:
        sample_rate (int): Samples per second. VGGish and BEATs need 16000,
            CLAP 48000. Defaults to 16000.
        clip_hop (float): Seconds between the starts of two frames' clips:
            1.0 as in the TeSO paper, 0.96 gives the consecutive VGGish
            examples of AVSBench's preprocessing. Defaults to 1.0.
        backend_args (dict, optional): Those of mmengine's file backend.
        window (float, optional): Seconds of the clip [ours], at least 0.975,
            for models of longer sounds such as CLAP (10 s). Defaults to
            None: 0.975 s from the start of the frame's second.

    Attributes:
        last_clip (str): The rule for short files, see
            :func:`mmteso.audio.last_clip_rule`.

    Raises:
        FileNotFoundError: If the file is missing.
        AudioFileError: If it can't be decoded or is too short for even one
            clip (AVSBench's loaders fail on it, too); silence in its place
            would be a sound that nobody recorded.
    """

    def __init__(self,
                 sample_rate: int = SAMPLE_RATE,
                 clip_hop: float = 1.0,
                 backend_args: Optional[dict] = None,
                 window: Optional[float] = None) -> None:
        if round(clip_hop * sample_rate) < 1:
            raise ValueError('sample_rate and clip_hop must be positive, but '
                             f'got {sample_rate} and {clip_hop}.')
        if window is not None and window < EXAMPLE_SECONDS:
            raise ValueError(f'window must be at least {EXAMPLE_SECONDS} s, '
                             f'but got {window}.')
        self.sample_rate = sample_rate
        self.clip_hop = clip_hop
        self.backend_args = backend_args
        self.window = window
        self.last_clip = last_clip_rule(clip_hop)
        self._reported: set = set()

    def transform(self, results: dict) -> dict:
        _refuse_second_sound(self, results)
        if results.get('audio_path') is None:
            raise KeyError(
                'LoadAudioClip needs the key "audio_path", which '
                f'"{results["uid"]}" lacks. For a data set with precomputed '
                'log-mels use LoadLogMel instead.')
        path, frame = results['audio_path'], results['frame']
        hop = round(self.clip_hop * self.sample_rate)
        length = round(EXAMPLE_SECONDS * self.sample_rate)
        waveform = load_waveform(path, self.sample_rate, self.backend_args)
        seconds = len(waveform) / self.sample_rate
        if len(waveform) < length:
            raise AudioFileError(
                f'The sound file "{path}" of "{results["uid"]}" lasts '
                f'{seconds:.3f} s, too short for one clip of '
                f'{EXAMPLE_SECONDS} s. Replace the file or leave the video '
                'out.')
        clip, start = cut_clip(waveform, frame, hop, length, self.last_clip)
        if (frame * hop - start > _TOLERANCE * self.sample_rate
                and path not in self._reported):
            self._reported.add(path)
            warn(f'The sound file "{path}" of "{results["uid"]}" lasts '
                 f'{seconds:.3f} s, too short for frame {frame}: its clip, '
                 f'and those of later ones, are the {EXAMPLE_SECONDS} s from '
                 f'{start / self.sample_rate:.3f} s on.')
        if self.window is not None:
            width = min(
                round(self.window * self.sample_rate), len(waveform))
            start = frame * hop + (hop - width) // 2
            start = max(min(start, len(waveform) - width), 0)
            clip = waveform[start:start + width].copy()
        results['waveform'] = clip
        results['sample_rate'] = self.sample_rate
        results['audio_condition'] = 'normal'
        return results


def _read_examples(path: str, backend_args: Optional[dict]) -> Tensor:
    """The examples of a file, float32, (T, 1, 96, 64)."""
    examples = load_tensor_pickle(path, backend_args)
    layout = (1, NUM_FRAMES, NUM_MEL_BINS)
    if (examples.shape[1:] != layout or len(examples) == 0
            or not examples.is_floating_point()):
        raise TensorPickleError(
            f'"{path}" must hold VGGish examples, floats of the shape '
            f'(T, 1, {NUM_FRAMES}, {NUM_MEL_BINS}) with T >= 1, but holds '
            f'{examples.dtype} of {tuple(examples.shape)}.')
    examples = examples.float()
    least = examples.min()
    if not torch.isfinite(examples).all() or least < _LEAST_LOG_MEL:
        raise TensorPickleError(
            f'"{path}" is not finite or not on VGGish\'s scale: it goes down '
            f'to {least:.3f}, but log(mel + {LOG_OFFSET}) can\'t lie below '
            f'{math.log(LOG_OFFSET):.3f}.')
    return examples


@TRANSFORMS.register_module()
class LoadLogMel(AVSTransform):
    """Load the precomputed log-mel of one frame, as AVSBench hands it out.

    The file is a pickled tensor (T, 1, 96, 64) of consecutive 0.96 s VGGish
    examples, of which nothing is executed. A file with fewer examples than
    frames gives its last example again, as AVSBench's loaders do, and that is
    logged once per file and process.

    Required Keys:

    - log_mel_path (str), frame (int), uid (str)

    Added Keys:

    - log_mel (torch.Tensor): float32, (1, 96, 64).
    - audio_condition (str): 'normal'.

    Args:
        backend_args (dict, optional): Those of mmengine's file backend.

    Raises:
        FileNotFoundError: If the file is missing.
        TensorPickleError: If it isn't just one pickled tensor, or doesn't
            hold VGGish examples: another shape, not floats, not finite, or
            below ``log(0.01)``, which VGGish's scale doesn't reach.
    """

    output_key = 'log_mel'

    def __init__(self, backend_args: Optional[dict] = None) -> None:
        self.backend_args = backend_args
        self._reported: set = set()

    def transform(self, results: dict) -> dict:
        _refuse_second_sound(self, results)
        path, frame = results.get('log_mel_path'), results['frame']
        if path is None:
            raise KeyError(
                'LoadLogMel needs the key "log_mel_path", which '
                f'"{results["uid"]}" lacks. For a data set with sound files '
                'use LoadAudioClip and AudioToLogMel instead.')
        examples = _read_examples(path, self.backend_args)
        if frame >= len(examples) and path not in self._reported:
            self._reported.add(path)
            warn(f'The log-mel file "{path}" of "{results["uid"]}" has '
                 f'{len(examples)} examples; from frame {len(examples)} on '
                 'the last one is repeated.')
        # A copy, or the loader would send the whole file to the main process.
        results['log_mel'] = examples[min(frame, len(examples) - 1)].clone()
        results['audio_condition'] = 'normal'
        return results


@TRANSFORMS.register_module()
class LoadAudioFeatures(AVSTransform):
    """Load the cached audio feature of one frame.

    In place of :class:`LoadAudioClip` and the transform that makes the audio
    encoder's input of it (or of :class:`LoadLogMel`), with a file of
    ``tools/extract_audio_features.py``.
    A model that has an ``audio_encoder`` keeps it, so that its checkpoints
    are complete, does not run it on these frames, and refuses features that
    an encoder other than its own has made.

    Sound that is altered (:class:`MuteAudio`, :class:`ReplaceAudioWithNoise`)
    can't come from a cache: loading both is an error, and so is a file whose
    settings give an ``audio_condition`` other than 'normal'. The data set has
    the file opened when it is built, so that a wrong one is named before
    training starts.

    Required Keys:

    - uid (str), frame (int), data_root (str, optional)

    Added Keys:

    - audio_feat (torch.Tensor): float32, (D_a).
    - audio_condition (str): 'normal'.
    - audio_provenance (dict): For the model's check: ``file``, ``encoder``
      (its name) and ``state_sha256`` (of its weights; None if the file does
      not say, which only an encoder without weights accepts).

    Args:
        feature_file (str): The feature file (see
            :mod:`mmteso.io.feature_file`), relative to the data set's
            ``data_root``, or absolute.
        expect (dict, optional): What the file's provenance must say, e.g.
            ``dict(encoder='VGGish', dims=128, settings=dict(clip_hop=1.0))``.
            That it holds audio features is checked in any case. Defaults to
            None.

    Raises:
        FileNotFoundError: If there is no such file.
        FeatureFileError: If it is no feature file or not the expected one,
            or of altered sound.
        KeyError: If the file has no feature of the frame.
    """

    def __init__(self,
                 feature_file: str,
                 expect: Optional[dict] = None) -> None:
        self.feature_file = feature_file
        self.expect = expect
        self._opened: Dict[str, FeatureFile] = {}

    def open(self, data_root: str = '') -> FeatureFile:
        """Open the file below a folder, once, and check whose sound it has."""
        path = osp.join(data_root, self.feature_file)
        if path not in self._opened:
            again = ('python tools/extract_audio_features.py CONFIG --out '
                     f'{path}')
            try:
                features = FeatureFile(path,
                                       dict(self.expect or {}, kind='audio'))
            except FileNotFoundError as error:
                raise FileNotFoundError(f'{error} Make it: {again}') from error
            condition = features.provenance.settings.get(
                'audio_condition', 'normal')
            if condition != 'normal':
                raise FeatureFileError(
                    f'"{path}" holds features of altered sound '
                    f'(audio_condition {condition!r}), expected those of the '
                    f'sound as it is: {again}')
            self._opened[path] = features
        return self._opened[path]

    def look_up(self, results: dict) -> Tensor:
        """A frame's feature, (D_a), as it is stored."""
        file = self.open(results.get('data_root', ''))
        return file[feature_key(results['uid'], results['frame'])]

    def transform(self, results: dict) -> dict:
        _refuse_second_sound(self, results)
        results['audio_feat'] = self.look_up(results).float()
        results['audio_condition'] = 'normal'
        file = self.open(results.get('data_root', ''))
        results['audio_provenance'] = dict(
            file=file.path,
            encoder=file.provenance.encoder,
            state_sha256=file.provenance.settings.get('state_sha256'))
        return results
