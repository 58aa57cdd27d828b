# Copyright (c) mmteso contributors. All rights reserved.
"""Test data with other sound: names of conditions, and what they insert."""
import copy
import re
from typing import Any, Dict, Iterator, List, Optional, Sequence, Union

from mmengine.config import Config, ConfigDict
from mmseg.registry import TRANSFORMS

from mmteso.io import FeatureFile
from .sound_steps import ALTERING, dataset_configs, type_name

#: The paper's conditions, and off-screen sound.
AUDIO_CONDITIONS = ('normal', 'mute', 'wgn-10db', 'wgn-40db', 'off-screen')

_NOISE = re.compile(r'wgn-(-?\d+(?:\.\d+)?)db')


def audio_condition_transform(condition: str,
                              reference: str = 'snr',
                              seed: int = 0) -> Optional[dict]:
    """The transform that makes an audio condition.

    Args:
        condition (str): 'normal', 'mute', 'wgn-{level}db' for white Gaussian
            noise, e.g. 'wgn-10db' or 'wgn-2.5db', or 'off-screen' for the
            sound of a video with other classes.
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
    if condition == 'off-screen':
        return dict(type='ReplaceAudioWithOffScreen')
    match = _NOISE.fullmatch(condition)
    if match is None:
        raise ValueError(
            f"unknown audio condition {condition!r}: expected 'normal', "
            "'mute', 'wgn-{level}db', such as 'wgn-10db', or 'off-screen'")
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
        list[dict]: Configs of ``LoadAudioClip`` and of the front end
        (``AudioToLogMel``, ...) with the settings that the features were
        extracted with.

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
        dict(settings.get('front_end', dict(type='AudioToLogMel')))
    ]


def insert_audio_conditions(pipeline: Sequence[dict],
                            conditions: Sequence[str],
                            reference: str = 'snr',
                            seed: int = 0) -> List[dict]:
    """Alter the sound of a test pipeline right after it is read.

    One condition alters the sound in its place. Several give each frame
    several sounds (:class:`FanOutAudioConditions`), which go through the front
    end that the pipeline has; image, masks and cues are still read once.

    A pipeline that reads cached features (``LoadAudioFeatures``) gets back
    the transforms that load the sound, with the settings of the cache, and
    the model's audio encoder encodes it, the normal sound as well where it is
    one of several: the cache holds the normal sound alone. For 'normal' by
    itself the pipeline stays as it is.

    Args:
        pipeline (Sequence[dict]): Configs of the transforms; not modified.
        conditions (Sequence[str]): At least one, all different. See
            :func:`audio_condition_transform`.
        reference (str): Defaults to 'snr'.
        seed (int): Defaults to 0.

    Returns:
        list[dict]: The pipeline with the conditions.

    Raises:
        ValueError: If conditions are unknown, none or repeated, or the
            pipeline reads no sound that could be altered, or alters it
            already.
    """
    conditions = list(conditions)
    if not conditions or len(set(conditions)) < len(conditions):
        raise ValueError('expected different audio conditions, at least one, '
                         f'but got {conditions}')
    transforms = [
        audio_condition_transform(name, reference, seed)
        for name in conditions
    ]
    pipeline = list(copy.deepcopy(pipeline))
    if transforms == [None]:
        return pipeline
    pipeline = _with_waveform(pipeline, conditions)
    names = [type_name(step) for step in pipeline]
    place = names.index('LoadAudioClip')
    for transform in transforms:
        if transform and transform['type'] == 'ReplaceAudioWithOffScreen':
            transform.update({
                key: pipeline[place][key]
                for key in ('clip_hop', 'backend_args')
                if key in pipeline[place]
            })
    altering = [name for name in names if name in ALTERING]
    if altering:
        raise ValueError(
            f'the test pipeline has {altering[0]}: it alters the sound that '
            f'the audio conditions {conditions} are to alter. Leave it out')
    if len(transforms) == 1:
        return [
            *pipeline[:place + 1], transforms[0], *pipeline[place + 1:]
        ]
    front_end = [step for step in pipeline[place:] if output_key(step)]
    if not front_end:
        raise ValueError(
            'the test pipeline has no transform that makes the input of an '
            'audio encoder of the sound, such as AudioToLogMel: it has the '
            f'transforms {names}')
    fan_out = dict(
        type='FanOutAudioConditions',
        conditions=transforms,
        front_end=front_end)
    rest = [step for step in pipeline[place + 1:] if not output_key(step)]
    return [*pipeline[:place + 1], fan_out, *rest]


def output_key(step: dict) -> Optional[str]:
    """What a transform makes of a waveform for an audio encoder.

    Args:
        step (dict): Config of a transform.

    Returns:
        str | None: Its ``output_key``, the name of the model's input, e.g.
        'log_mel' for ``AudioToLogMel``; None for other transforms.
    """
    kind = step['type']
    if isinstance(kind, str):
        kind = TRANSFORMS.get(kind)
    return getattr(kind, 'output_key', None)


def _with_waveform(pipeline: List[dict],
                   conditions: Sequence[str]) -> List[dict]:
    """The pipeline with ``LoadAudioClip``, in place of cached features."""
    types = [type_name(step) for step in pipeline]
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
            return [*pipeline[:place], *sound, *pipeline[place + 1:]]
    if 'LoadAudioClip' not in types:
        altered = ', '.join(
            repr(name) for name in conditions if name != 'normal')
        raise ValueError(
            f'the audio condition {altered} needs a test pipeline with '
            f'`LoadAudioClip`, whose waveform it alters, but {reason}. Read '
            'the sound with LoadAudioClip and AudioToLogMel in '
            '`test_dataloader`')
    return pipeline


def audio_conditions_dataloader(
        dataloader: Union[dict, ConfigDict, Config],
        conditions: Sequence[str],
        reference: str = 'snr',
        seed: int = 0,
        off_screen_groups: Optional[str] = None) -> dict:
    """A test dataloader's config with audio conditions.

    For 'off-screen' the data sets get ``off_screen``, so that they pair their
    clips: with their cue file, where there is one, which tells what is visible
    and silent.

    Args:
        dataloader (dict): ``cfg.test_dataloader``; not modified.
        conditions (Sequence[str]): See :func:`insert_audio_conditions`.
        reference (str): Defaults to 'snr'.
        seed (int): Of the noise and of the pairs of clips. Defaults to 0.
        off_screen_groups (str, optional): ``groups`` of
            :func:`off_screen_table`, e.g. 'avsbench'. Defaults to None.

    Returns:
        dict: The changed config.

    Raises:
        ValueError: See :func:`insert_audio_conditions`; also if the dataset's
            config has no pipeline.
    """
    dataloader = copy.deepcopy(dataloader)
    datasets = list(dataset_configs(dataloader['dataset']))
    for dataset in datasets:
        if 'off-screen' in conditions:
            dataset['off_screen'] = dict(
                seed=seed,
                groups=off_screen_groups,
                **_cue_arguments(dataset['pipeline']))
        dataset['pipeline'] = insert_audio_conditions(dataset['pipeline'],
                                                      conditions, reference,
                                                      seed)
    if not datasets:
        raise ValueError('the dataset of `test_dataloader` has no pipeline '
                         'into which an audio condition could be inserted')
    return dataloader


def _cue_arguments(pipeline: Sequence[dict]) -> Dict[str, Any]:
    """What a pipeline's ``LoadTextCues`` takes for synonyms."""
    for step in _steps_inside(pipeline):
        if type_name(step) == 'LoadTextCues' and 'synonyms' in step:
            return dict(synonyms=step['synonyms'])
    return {}


def _steps_inside(value: Any) -> Iterator[dict]:
    """All transforms, inside of others too."""
    if isinstance(value, dict):
        if 'type' in value:
            yield value
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _steps_inside(item)


def insert_audio_condition(pipeline: Sequence[dict],
                           condition: str,
                           reference: str = 'snr',
                           seed: int = 0) -> List[dict]:
    """:func:`insert_audio_conditions` for one condition."""
    return insert_audio_conditions(pipeline, [condition], reference, seed)


def audio_condition_dataloader(dataloader: Union[dict, ConfigDict, Config],
                               condition: str,
                               reference: str = 'snr',
                               seed: int = 0,
                               **kwargs: Any) -> dict:
    """:func:`audio_conditions_dataloader` for one condition."""
    return audio_conditions_dataloader(dataloader, [condition], reference,
                                       seed, **kwargs)
