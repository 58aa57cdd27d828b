# Copyright (c) mmteso contributors. All rights reserved.
"""Test data with other sound: names of conditions, and what they insert."""
import copy
import re
from typing import Callable, List, Optional, Sequence, Union

from mmengine.config import Config, ConfigDict

AUDIO_CONDITIONS = ('normal', 'mute', 'wgn-10db', 'wgn-40db')

_NOISE = re.compile(r'wgn-(-?\d+(?:\.\d+)?)db')
_CACHED = ('LoadLogMel', 'LoadAudioFeatures')


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


def insert_audio_condition(pipeline: Sequence[dict],
                           condition: str,
                           reference: str = 'snr',
                           seed: int = 0) -> List[dict]:
    """Alter the sound of a test pipeline right after it is read.

    Args:
        pipeline (Sequence[dict]): Configs of the transforms; not modified.
        condition (str): See :func:`audio_condition_transform`.
        reference (str): Defaults to 'snr'.
        seed (int): Defaults to 0.

    Returns:
        list[dict]: The pipeline with the condition.

    Raises:
        ValueError: If the condition is unknown, or the pipeline reads no
            waveform that could be altered.
    """
    transform = audio_condition_transform(condition, reference, seed)
    pipeline = list(copy.deepcopy(pipeline))
    if transform is None:
        return pipeline
    types = [step.get('type') for step in pipeline]
    if 'LoadAudioClip' not in types:
        cached = [name for name in types if name in _CACHED]
        reason = (f'it reads cached sound ({", ".join(cached)}), which was '
                  'made from the original' if cached else
                  f'got the transforms {types}')
        raise ValueError(
            f'the audio condition {condition!r} needs a test pipeline with '
            f'`LoadAudioClip`, whose waveform it alters, but {reason}. Read '
            'the sound with LoadAudioClip and AudioToLogMel in '
            '`test_dataloader`')
    pipeline.insert(types.index('LoadAudioClip') + 1, transform)
    return pipeline


def _map_pipelines(dataset: dict, change: Callable[[Sequence[dict]],
                                                   List[dict]]) -> int:
    """Change each pipeline of a dataset config, also of wrapped datasets."""
    count = 0
    if 'pipeline' in dataset:
        dataset['pipeline'] = change(dataset['pipeline'])
        count += 1
    inner = dataset.get('dataset')
    for wrapped in [inner] if inner else dataset.get('datasets', ()):
        count += _map_pipelines(wrapped, change)
    return count


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
    count = _map_pipelines(
        dataloader['dataset'], lambda pipeline: insert_audio_condition(
            pipeline, condition, reference, seed))
    if count == 0:
        raise ValueError('the dataset of `test_dataloader` has no pipeline '
                         'into which an audio condition could be inserted')
    return dataloader
