# Copyright (c) mmteso contributors. All rights reserved.
from typing import Optional

from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS
from torch import Tensor

from mmteso.io import FeatureFile, FeatureFileError, feature_key
from .sound_source import refuse_second_sound


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
