# Copyright (c) mmteso contributors. All rights reserved.
from typing import Optional, Sequence, Tuple

from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS
from torch import Tensor

from mmteso.io import FeatureFile, FeatureFileError, feature_key
from .sound_source import refuse_second_sound
from .text_cues import (check_cue_arguments, frame_cue_targets, open_cue_file,
                        pad_cue_features)


@TRANSFORMS.register_module()
class LoadAudioFeatures(BaseTransform):
    """Load the cached audio feature of one frame.

    In place of :class:`LoadAudioClip` and the transform that makes the audio
    encoder's input of it (or of :class:`LoadLogMel`), with a file of
    ``tools/extract_audio_features.py``.
    A model that has an ``audio_encoder`` keeps it, so that its checkpoints
    are complete, does not run it on these frames, and refuses features that
    an encoder other than its own has made.

    Sound that is altered (:class:`MuteAudio`, :class:`ReplaceAudioWithNoise`)
    can't come from a cache: loading both is an error, and so is a file whose
    settings give an ``audio_condition`` other than 'normal'. All frames of a
    batch need their sound in the same form.

    Required Keys:

    - uid (str)
    - frame (int)

    Added Keys:

    - audio_feat (torch.Tensor): float32, (D_a).
    - audio_condition (str): 'normal'.
    - audio_provenance (dict): For the model's check: ``file``, ``encoder``
      (its name) and ``state_sha256`` (of its weights; None if the file does
      not say, which only an encoder without weights accepts).

    Args:
        feature_file (str): The feature file (see
            :mod:`mmteso.io.feature_file`).
        expect (dict, optional): What the file's provenance must say, e.g.
            ``dict(encoder='VGGish', dims=128, settings=dict(clip_hop=1.0))``.
            That it holds audio features is checked in any case. Defaults to
            None.

    Raises:
        FileNotFoundError: If there is no such file.
        FeatureFileError: If it is no feature file or not the expected one,
            or of altered sound.
        RuntimeError: If the frame has sound from another transform.
        KeyError: If the file has no feature of the frame.
    """

    def __init__(self,
                 feature_file: str,
                 expect: Optional[dict] = None) -> None:
        self.feature_file = feature_file
        self.expect = expect
        try:
            self._features = FeatureFile(feature_file,
                                         dict(expect or {}, kind='audio'))
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f'{error} Make it: python tools/extract_audio_features.py '
                f'CONFIG --out {feature_file}') from error
        provenance = self._features.provenance
        condition = provenance.settings.get('audio_condition', 'normal')
        if condition != 'normal':
            raise FeatureFileError(
                f'"{feature_file}" holds features of altered sound '
                f'(audio_condition {condition!r}), expected those of the '
                'sound as it is. To alter the sound, load it with '
                'LoadAudioClip and AudioToLogMel; to have the features of the '
                'sound as it is: python tools/extract_audio_features.py '
                f'CONFIG --out {feature_file}')
        self._provenance = dict(
            file=feature_file,
            encoder=provenance.encoder,
            state_sha256=provenance.settings.get('state_sha256'))

    def look_up(self, results: dict) -> Tensor:
        """A frame's entry in the file.

        Args:
            results (dict): Result dict.

        Returns:
            Tensor: (D_a), as it is stored.

        Raises:
            KeyError: If the file has none.
        """
        return self._features[feature_key(results['uid'], results['frame'])]

    def transform(self, results: dict) -> dict:
        """Load the feature.

        Args:
            results (dict): Result dict.

        Returns:
            dict: The dict with the feature.
        """
        refuse_second_sound(self, results, 'waveform', 'log_mel')
        results['audio_feat'] = self.look_up(results).float()
        results['audio_condition'] = 'normal'
        results['audio_provenance'] = self._provenance
        return results

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(feature_file={self.feature_file!r}, '
                f'expect={self.expect})')


@TRANSFORMS.register_module()
class LoadTextFeatures(BaseTransform):
    """Load the cached features of one frame's text cues.

    Required Keys:

    - uid (str)
    - frame (int)
    - class_names (tuple[str]): Only with ``cue_target``.
    - frame_classes (tuple[str]): Only with ``cue_target='mask'``.
    - a_obj (tuple[str]): Only with ``cue_target='a_obj'``.

    Added Keys:

    - text_feat (torch.Tensor): float32, (N_T, D), zero rows as padding.
    - text_valid (torch.Tensor): bool, (N_T), False for padding.
    - text_cues (list[str]): Only with ``cue_file``. At most N_T cues.
    - cue_target (torch.Tensor): Only with ``cue_target``. float32, (N_T), as
      :class:`LoadTextCues` gives it.

    Args:
        feature_file (str): The feature file (see
            :mod:`mmteso.io.feature_file`), a tensor (n, D) per frame with one
            row per cue.
        num_cues (int): Number of cues N_T per frame; further ones are cut
            off. Defaults to 4.
        expect (dict, optional): What the file's provenance must say, e.g.
            ``dict(encoder='ImageBind', settings=dict(scaled=True))``. That it
            holds text features is checked in any case. Defaults to None.
        cue_file (str, optional): The cue file that the features were
            extracted from, to know the words. A frame with another number of
            cues than features is an error. Defaults to None.
        cue_target (str, optional): As of :class:`LoadTextCues`; needs
            ``cue_file``. Defaults to None.
        synonyms (str, optional): As of :class:`LoadTextCues`. Defaults to
            'auto'.
    """

    def __init__(self,
                 feature_file: str,
                 num_cues: int = 4,
                 expect: Optional[dict] = None,
                 cue_file: Optional[str] = None,
                 cue_target: Optional[str] = None,
                 synonyms: Optional[str] = 'auto') -> None:
        check_cue_arguments(num_cues, cue_target, synonyms)
        if cue_target is not None and cue_file is None:
            raise ValueError(f'cue_target={cue_target!r} needs cue_file: the '
                             'feature file does not hold the words.')
        self.feature_file = feature_file
        self.num_cues = num_cues
        self.expect = expect
        self.cue_file = cue_file
        self.cue_target = cue_target
        self.synonyms = synonyms
        self._features = FeatureFile(feature_file,
                                     dict(expect or {}, kind='text'))
        self._cues = None if cue_file is None else open_cue_file(cue_file)

    def look_up(self, results: dict) -> Tuple[Tensor, Optional[Sequence[str]]]:
        """A frame's entries in the files.

        Args:
            results (dict): Result dict.

        Returns:
            tuple[Tensor, Sequence[str] | None]: Features (n, D), and the n
            cues; None without ``cue_file``.

        Raises:
            KeyError: If a file has none.
            FeatureFileError: If they differ in number.
        """
        uid, frame = results['uid'], results['frame']
        features = self._features[feature_key(uid, frame)]
        if self._cues is None:
            return features, None
        cues = self._cues[uid, frame].cues
        if len(cues) != len(features):
            raise FeatureFileError(
                f'Frame {frame} of "{uid}" has {len(cues)} cues in '
                f'"{self.cue_file}", but {len(features)} features in '
                f'"{self.feature_file}". Extract the features anew from this '
                'file.')
        return features, cues

    def transform(self, results: dict) -> dict:
        """Load the features.

        Args:
            results (dict): Result dict.

        Returns:
            dict: The dict with the features.
        """
        features, cues = self.look_up(results)
        results['text_feat'], results['text_valid'] = pad_cue_features(
            features, self.num_cues)
        if cues is None:
            return results
        results['text_cues'] = list(cues[:self.num_cues])
        if self.cue_target is not None:
            results['cue_target'] = frame_cue_targets(
                results, cues, self.num_cues, self.cue_target, self.synonyms)
        return results

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(feature_file={self.feature_file!r}, '
                f'num_cues={self.num_cues}, expect={self.expect}, '
                f'cue_file={self.cue_file!r}, '
                f'cue_target={self.cue_target!r}, synonyms={self.synonyms!r})')
