# Copyright (c) mmteso contributors. All rights reserved.
"""Test data with other sound: names of conditions, and what they insert."""
import copy
import re
from typing import List, Optional, Sequence, Union

from mmengine.config import Config, ConfigDict

from mmteso.io import FeatureFile
from .sound_steps import dataset_configs

AUDIO_CONDITIONS = ('normal', 'mute', 'wgn-10db', 'wgn-40db')

_NOISE = re.compile(r'wgn-(-?\d+(?:\.\d+)?)db')


def audio_condition_transform(condition: str,
                              reference: str = 'snr',
                              seed: int = 0) -> Optional[dict]:
    """The transform that makes an audio condition.

    Args:
        condition (str): 'normal', 'mute', or 'wgn-{level}db' for white
            Gaussian noise, e.g. 'wgn-10db' or 'wgn-2.5db'.
        reference (str): What the noise's level refers to, see
            :class:`ReplaceAudioWithNoise`. Defaults to 'snr'.
        seed (int): Of the noise. Defaults to 0.

    Returns:
        dict | None: The config of the transform; None for 'normal'.

    Raises:
        ValueError: If there is no condition of this name.
    """
    if condition == 'normal':
        return None
    if condition == 'mute':
        return dict(type='MuteAudio')
    match = _NOISE.fullmatch(condition)
    if match is None:
        raise ValueError(
            f"unknown audio condition {condition!r}: expected 'normal', "
            "'mute' or 'wgn-{level}db', such as 'wgn-10db'")
    return dict(
        type='ReplaceAudioWithNoise',
        level_db=float(match.group(1)),
        reference=reference,
        seed=seed)


def sound_of_features(feature_file: str) -> List[dict]:
    """The transforms that load the sound behind cached audio features.

    Args:
        feature_file (str): A file of ``tools/extract_audio_features.py``.

    Returns:
        list[dict]: Configs of ``LoadAudioClip`` and ``AudioToLogMel`` with
        the settings that the features were extracted with.

    Raises:
        FileNotFoundError, FeatureFileError: If there is no such file, or it
            holds no audio features.
        ValueError: If the features were not made from sound files, or the
            file does not say how.
    """
    settings = FeatureFile(
        feature_file, dict(kind='audio')).provenance.settings
    names = ('clip_hop', 'sample_rate')
    if settings.get('sound') != 'waveform' or any(
            name not in settings for name in names):
        raise ValueError(
            f'the features in "{feature_file}" were not extracted from sound '
            f'files, or the file does not say how (its settings: {settings})')
    return [
        dict(type='LoadAudioClip', **{name: settings[name]
                                      for name in names}),
        dict(type='AudioToLogMel')
    ]


def insert_audio_condition(pipeline: Sequence[dict],
                           condition: str,
                           reference: str = 'snr',
                           seed: int = 0) -> List[dict]:
    """Alter the sound of a test pipeline right after it is read.

    A pipeline that reads cached features (``LoadAudioFeatures``) gets back
    the transforms that load the sound, with the settings of the cache, and
    the model's audio encoder encodes it: the cache holds the normal sound
    alone. For 'normal' the cache is used.

    Args:
        pipeline (Sequence[dict]): Configs of the transforms; not modified.
        condition (str): See :func:`audio_condition_transform`.
        reference (str): Defaults to 'snr'.
        seed (int): Defaults to 0.

    Returns:
        list[dict]: The pipeline with the condition.

    Raises:
        ValueError: If the condition is unknown, or the pipeline reads no
            sound that could be altered.
    """
    transform = audio_condition_transform(condition, reference, seed)
    pipeline = list(copy.deepcopy(pipeline))
    if transform is None:
        return pipeline
    types = [step.get('type') for step in pipeline]
    reason = f'got the transforms {types}'
    if 'LoadLogMel' in types:
        reason = 'LoadLogMel reads log-mels, which were made from the original'
    elif 'LoadAudioFeatures' in types and 'LoadAudioClip' not in types:
        place = types.index('LoadAudioFeatures')
        try:
            sound = sound_of_features(pipeline[place]['feature_file'])
        except ValueError as error:
            reason = str(error)
        else:
            pipeline[place:place + 1] = sound
            types[place:place + 1] = [step['type'] for step in sound]
    if 'LoadAudioClip' not in types:
        raise ValueError(
            f'the audio condition {condition!r} needs a test pipeline with '
            f'`LoadAudioClip`, whose waveform it alters, but {reason}. Read '
            'the sound with LoadAudioClip and AudioToLogMel in '
            '`test_dataloader`')
    pipeline.insert(types.index('LoadAudioClip') + 1, transform)
    return pipeline


def audio_condition_dataloader(dataloader: Union[dict, ConfigDict, Config],
                               condition: str,
                               reference: str = 'snr',
                               seed: int = 0) -> dict:
    """A test dataloader's config with an audio condition.

    Args:
        dataloader (dict): ``cfg.test_dataloader``; not modified.
        condition (str): See :func:`audio_condition_transform`.
        reference (str): Defaults to 'snr'.
        seed (int): Defaults to 0.

    Returns:
        dict: The changed config.

    Raises:
        ValueError: See :func:`insert_audio_condition`; also if the dataset's
            config has no pipeline.
    """
    dataloader = copy.deepcopy(dataloader)
    datasets = list(dataset_configs(dataloader['dataset']))
    for dataset in datasets:
        dataset['pipeline'] = insert_audio_condition(dataset['pipeline'],
                                                     condition, reference,
                                                     seed)
    if not datasets:
        raise ValueError('the dataset of `test_dataloader` has no pipeline '
                         'into which an audio condition could be inserted')
    return dataloader
