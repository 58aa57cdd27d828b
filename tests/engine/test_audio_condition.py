# Copyright (c) mmteso contributors. All rights reserved.
import copy

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmseg.registry import TRANSFORMS

from data import write_wav
from mmteso.choices import AUDIO_CONDITIONS, audio_condition_transform
from mmteso.engine import (audio_conditions_dataloader,
                           insert_audio_conditions)
from mmteso.io import Provenance, write_feature_file

PIPELINE = [dict(type='LoadImageFromFile'), dict(type='LoadAudioClip'),
            dict(type='AudioToLogMel'), dict(type='PackAVTInputs')]


@pytest.mark.parametrize('name', AUDIO_CONDITIONS)
def test_transforms_can_be_built_and_name_their_condition(name, tmp_path):
    config = audio_condition_transform(name, 'pcm16', 3)
    if config is None:
        assert name == 'normal'
        return
    if name == 'wgn-10db':
        assert config == dict(type='ReplaceAudioWithNoise', level_db=10.,
                              reference='pcm16', seed=3)
    write_wav(tmp_path / 'other.wav', 2, [300.])
    results = TRANSFORMS.build(config)(
        dict(waveform=np.ones(15600, np.float32), sample_rate=16000, uid='a',
             frame=0, off_screen=[
                 dict(uid='b', audio_path=str(tmp_path / 'other.wav'))]))
    assert results['audio_condition'] == name


def test_unknown_condition():
    with pytest.raises(ValueError, match="expected 'normal', 'mute', 'wgn"):
        audio_condition_transform('wgn-10')


def test_inserted_after_the_sound_is_read():
    pipeline = copy.deepcopy(PIPELINE)
    changed = insert_audio_conditions(pipeline, ['mute'])
    assert [step['type'] for step in changed] == [
        'LoadImageFromFile', 'LoadAudioClip', 'MuteAudio', 'AudioToLogMel',
        'PackAVTInputs']
    assert pipeline == PIPELINE
    assert insert_audio_conditions(pipeline, ['normal']) == PIPELINE


def cached(tmp_path, **settings):
    path = str(tmp_path / 'audio.safetensors')
    write_feature_file(path, {'u/0': torch.zeros(128)},
                       Provenance('audio', 'VGGish', 'ab', 128, settings))
    return [dict(type='LoadImageFromFile'),
            dict(type='LoadAudioFeatures', feature_file='audio.safetensors'),
            dict(type='PackAVTInputs')]


def test_cached_features_give_way_to_the_sound(tmp_path):
    """With the settings they were extracted with."""
    pipeline = cached(
        tmp_path, sound='waveform', clip_hop=0.96, sample_rate=16000)
    changed = insert_audio_conditions(
        pipeline, ['mute'], data_root=str(tmp_path))
    assert changed == [dict(type='LoadImageFromFile'),
                       dict(type='LoadAudioClip', clip_hop=0.96,
                            sample_rate=16000), dict(type='MuteAudio'),
                       dict(type='AudioToLogMel'), dict(type='PackAVTInputs')]
    # nothing is altered, nothing is wrong
    assert insert_audio_conditions(pipeline, ['normal']) == pipeline


@pytest.mark.parametrize('settings', [dict(),
                                      dict(sound='log_mel', clip_hop=0.96),
                                      dict(sound='waveform', clip_hop=1.0)])
def test_features_of_unknown_sound_are_refused(tmp_path, settings):
    pipeline = cached(tmp_path, **settings)
    with pytest.raises(ValueError, match='reads ".*audio.safetensors'):
        insert_audio_conditions(pipeline, ['mute'], data_root=str(tmp_path))
    assert insert_audio_conditions(pipeline, ['normal']) == pipeline


def test_pipeline_without_waveform():
    for name in ('LoadImageFromFile', 'LoadLogMel'):
        with pytest.raises(ValueError, match=f"has the transforms .'{name}"):
            insert_audio_conditions([dict(type=name)], ['mute'])


@pytest.mark.parametrize(
    'wrap', [
        lambda d: d, lambda d: dict(type='RepeatDataset', times=2, dataset=d),
        lambda d: dict(type='ConcatDataset', datasets=[d, copy.deepcopy(d)])])
def test_dataloader(wrap):
    config = ConfigDict(
        batch_size=2,
        dataset=wrap(dict(type='AVSBenchDataset', pipeline=PIPELINE)))
    before = copy.deepcopy(config)
    changed = audio_conditions_dataloader(config, ['wgn-40db'])
    assert config == before
    dataset = changed['dataset']
    inner = dataset.get('datasets') or [dataset.get('dataset') or dataset]
    for one in inner:
        assert one['pipeline'][2]['level_db'] == 40
