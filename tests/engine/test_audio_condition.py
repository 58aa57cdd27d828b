# Copyright (c) mmteso contributors. All rights reserved.
import copy

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmseg.registry import TRANSFORMS

from data import write_wav
from mmteso.engine import (AUDIO_CONDITIONS, audio_condition_dataloader,
                           audio_condition_transform, insert_audio_condition)
from mmteso.io import Provenance, write_feature_file

PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAudioClip'),
    dict(type='AudioToLogMel'),
    dict(type='PackAVTInputs')
]


def test_transforms():
    assert audio_condition_transform('normal') is None
    assert audio_condition_transform('mute') == dict(type='MuteAudio')
    assert audio_condition_transform('wgn-10db') == dict(
        type='ReplaceAudioWithNoise', level_db=10.0, reference='snr', seed=0)
    assert audio_condition_transform('wgn--2.5db', 'pcm16', 3) == dict(
        type='ReplaceAudioWithNoise', level_db=-2.5, reference='pcm16', seed=3)


@pytest.mark.parametrize('name', AUDIO_CONDITIONS)
def test_transforms_can_be_built_and_name_their_condition(name, tmp_path):
    config = audio_condition_transform(name)
    if config is None:
        return
    write_wav(tmp_path / 'other.wav', 2, [300.])
    results = TRANSFORMS.build(config)(
        dict(
            waveform=np.ones(15600, np.float32),
            sample_rate=16000,
            uid='a',
            frame=0,
            off_screen=[
                dict(uid='b', audio_path=str(tmp_path / 'other.wav'))
            ]))
    assert results['audio_condition'] == name


@pytest.mark.parametrize('name', ['noise', 'wgn-db', 'wgn-10', 'Mute', ''])
def test_unknown_condition(name):
    with pytest.raises(ValueError, match="expected 'normal', 'mute', 'wgn"):
        audio_condition_transform(name)


def test_inserted_after_the_sound_is_read():
    pipeline = copy.deepcopy(PIPELINE)
    changed = insert_audio_condition(pipeline, 'mute')
    assert [step['type'] for step in changed] == [
        'LoadImageFromFile', 'LoadAudioClip', 'MuteAudio', 'AudioToLogMel',
        'PackAVTInputs'
    ]
    assert pipeline == PIPELINE
    assert insert_audio_condition(pipeline, 'normal') == PIPELINE


def cached(tmp_path, **settings):
    path = str(tmp_path / 'audio.safetensors')
    write_feature_file(path, {'u/0': torch.zeros(128)},
                       Provenance('audio', 'VGGish', 'ab', 128, settings))
    return [
        dict(type='LoadImageFromFile'),
        dict(type='LoadAudioFeatures', feature_file='audio.safetensors'),
        dict(type='PackAVTInputs')
    ]


def test_cached_features_give_way_to_the_sound(tmp_path):
    """With the settings they were extracted with."""
    pipeline = cached(
        tmp_path, sound='waveform', clip_hop=0.96, sample_rate=16000)
    changed = insert_audio_condition(
        pipeline, 'mute', data_root=str(tmp_path))
    assert changed == [
        dict(type='LoadImageFromFile'),
        dict(type='LoadAudioClip', clip_hop=0.96, sample_rate=16000),
        dict(type='MuteAudio'),
        dict(type='AudioToLogMel'),
        dict(type='PackAVTInputs')
    ]
    # nothing is altered, nothing is wrong
    assert insert_audio_condition(pipeline, 'normal') == pipeline


@pytest.mark.parametrize('settings', [
    dict(),
    dict(sound='log_mel', clip_hop=0.96),
    dict(sound='waveform', clip_hop=1.0),
])
def test_features_of_unknown_sound_are_refused(tmp_path, settings):
    pipeline = cached(tmp_path, **settings)
    with pytest.raises(ValueError, match='`LoadAudioClip`.*audio.safetensors'):
        insert_audio_condition(pipeline, 'mute', data_root=str(tmp_path))
    assert insert_audio_condition(pipeline, 'normal') == pipeline


def test_log_mel_files_are_refused():
    pipeline = [dict(type='LoadImageFromFile'), dict(type='LoadLogMel')]
    with pytest.raises(ValueError, match='LoadLogMel'):
        insert_audio_condition(pipeline, 'mute')
    assert insert_audio_condition(pipeline, 'normal') == pipeline


def test_pipeline_without_sound():
    with pytest.raises(ValueError, match="has the transforms .'LoadImage"):
        insert_audio_condition([dict(type='LoadImageFromFile')], 'mute')


@pytest.mark.parametrize('wrap', [
    lambda d: d,
    lambda d: dict(type='RepeatDataset', times=2, dataset=d),
    lambda d: dict(type='ConcatDataset', datasets=[d, copy.deepcopy(d)]),
])
def test_dataloader(wrap):
    config = ConfigDict(
        batch_size=2,
        dataset=wrap(dict(type='AVSBenchDataset', pipeline=PIPELINE)))
    before = copy.deepcopy(config)
    changed = audio_condition_dataloader(config, 'wgn-40db')
    assert config == before
    dataset = changed['dataset']
    inner = dataset.get('datasets') or [dataset.get('dataset') or dataset]
    for one in inner:
        assert one['pipeline'][2]['level_db'] == 40


def test_dataset_without_pipeline():
    with pytest.raises(ValueError, match='has no pipeline'):
        audio_condition_dataloader(dict(dataset=dict(type='A')), 'mute')
