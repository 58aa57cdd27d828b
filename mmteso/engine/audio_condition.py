# Copyright (c) mmteso contributors. All rights reserved.
"""Test data with other sound: names of conditions, and what they insert."""
import copy
import os.path as osp
from typing import List, Optional, Sequence

from mmseg.registry import TRANSFORMS

from mmteso.choices import audio_condition_transform
from mmteso.io import FeatureFile
from .sound_steps import (ALTERING, class_of, dataset_configs, steps_inside,
                          type_name)


def insert_audio_conditions(pipeline: Sequence[dict],
                            conditions: Sequence[str],
                            reference: str = 'snr',
                            seed: int = 0,
                            data_root: str = '') -> List[dict]:
    """Alter the sound of a test pipeline right after it is read.

    One condition alters the sound in its place. Several different ones give
    each frame several sounds (:class:`FanOutAudioConditions`), which go
    through the front end that the pipeline has; image, masks and cues are
    still read once. For ``reference`` and ``seed`` see
    :func:`mmteso.choices.audio_condition_transform`.

    A pipeline that reads cached features (``LoadAudioFeatures``, below
    ``data_root``) gets back the transforms that load the sound, with the
    settings of the cache. For 'normal' by itself the pipeline stays as it is.

    The pipeline that is given isn't modified. A ValueError if conditions are
    unknown, none or repeated, or the pipeline reads no sound that could be
    altered, or alters it already.
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
    pipeline = _with_waveform(pipeline, data_root)
    names = [type_name(step) for step in pipeline]
    altering = [name for name in names if name in ALTERING]
    if altering:
        raise ValueError(f'the test pipeline has {altering[0]}, which alters '
                         'the sound as the audio conditions do: leave it out')
    place = names.index('LoadAudioClip')
    for transform in transforms:
        if transform and transform['type'] == 'ReplaceAudioWithOffScreen':
            transform.update({
                key: pipeline[place][key]
                for key in ('clip_hop', 'backend_args')
                if key in pipeline[place]
            })
    before, after = pipeline[:place + 1], pipeline[place + 1:]
    if len(transforms) == 1:
        return [*before, *transforms, *after]
    # their classes have it
    front_end = [step for step in after
                 if hasattr(class_of(step, TRANSFORMS), 'output_key')]
    if not front_end:
        raise ValueError(
            'the test pipeline has no transform that makes an audio '
            f'encoder\'s input, such as AudioToLogMel, but only {names}')
    fan_out = dict(
        type='FanOutAudioConditions',
        conditions=transforms,
        front_end=front_end)
    return [*before, fan_out, *(x for x in after if x not in front_end)]


def _with_waveform(pipeline: List[dict], data_root: str) -> List[dict]:
    """The pipeline with ``LoadAudioClip``, in place of cached features."""
    names = [type_name(step) for step in pipeline]
    if 'LoadAudioClip' in names:
        return pipeline
    found = f'has the transforms {names}'
    if 'LoadAudioFeatures' in names:
        place = names.index('LoadAudioFeatures')
        path = osp.join(data_root, pipeline[place]['feature_file'])
        settings = FeatureFile(path, dict(kind='audio')).provenance.settings
        if settings.get('sound') == 'waveform' and {
                'clip_hop', 'sample_rate'} <= settings.keys():
            clip = {
                key: settings[key]
                for key in ('clip_hop', 'sample_rate', 'window')
                if key in settings
            }
            front_end = settings.get('front_end', dict(type='AudioToLogMel'))
            pipeline[place:place + 1] = [
                dict(type='LoadAudioClip', **clip), dict(front_end)
            ]
            return pipeline
        found = f'reads "{path}", which does not say how it was extracted ' \
            'from sound files'
    raise ValueError(f'the audio conditions need a waveform, but the test '
                     f'pipeline {found}.\nRead the sound with LoadAudioClip '
                     'and AudioToLogMel in `test_dataloader`')


def audio_conditions_dataloader(dataloader: dict,
                                conditions: Sequence[str],
                                reference: str = 'snr',
                                seed: int = 0,
                                off_screen_groups: Optional[str] = None
                                ) -> dict:
    """``cfg.test_dataloader`` with audio conditions, as a new config.

    For 'off-screen' the data sets get ``off_screen``, so that they pair their
    clips: with their cue file, where there is one, which tells what is visible
    and silent; ``off_screen_groups`` are the ``groups`` of
    :func:`off_screen_table`, e.g. 'avsbench', and ``seed`` is also that of the
    pairs. For the others and errors see :func:`insert_audio_conditions`.
    """
    dataloader = copy.deepcopy(dataloader)
    datasets = list(dataset_configs(dataloader['dataset']))
    if not datasets:
        raise ValueError('the dataset of `test_dataloader` has no pipeline '
                         'into which an audio condition could be inserted')
    for dataset in datasets:
        pipeline = dataset['pipeline']
        if 'off-screen' in conditions:
            dataset['off_screen'] = dict(seed=seed, groups=off_screen_groups)
            for step in steps_inside(pipeline):
                if type_name(step) == 'LoadTextCues' and 'synonyms' in step:
                    dataset['off_screen'].setdefault('synonyms',
                                                     step['synonyms'])
        dataset['pipeline'] = insert_audio_conditions(
            pipeline, conditions, reference, seed,
            dataset.get('data_root') or '')
    return dataloader
