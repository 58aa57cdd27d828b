# Copyright (c) mmteso contributors. All rights reserved.
import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmteso.engine import describe_sound, find_sound_steps


def steps_of(*pipelines):
    return Config(
        {f'{split}_dataloader': dict(
             dataset=dict(type='X',
                          pipeline=[step if isinstance(step, dict)
                                    else dict(type=step)
                                    for step in pipeline]))
         for split, pipeline in zip(('train', 'val', 'test'), pipelines)})


SOUND = ('LoadAudioClip', 'AudioToLogMel')
CUT = (dict(type='LoadAudioClip', clip_hop=0.96), 'AudioToLogMel')


def found(cfg, splits):
    with DefaultScope.overwrite_default_scope('mmseg'):
        return find_sound_steps(cfg, splits)


def test_sound_steps():
    default = (dict(type='LoadAudioClip', clip_hop=1.0), 'AudioToLogMel')
    cfg = steps_of(('A', *SOUND, 'B'), default, ('LoadAudioFeatures', ))
    assert [step['type'] for step in found(cfg, ['train', 'val', 'test'])] \
        == list(SOUND)
    # a cached config's test pipeline says how its sound is loaded
    cfg = steps_of(('LoadAudioFeatures', ), ('LoadAudioFeatures', ), CUT)
    assert found(cfg, ['train'])[0]['clip_hop'] == 0.96
    wrapped = steps_of(SOUND)
    wrapped.train_dataloader.dataset = dict(
        type='RepeatDataset', dataset=wrapped.train_dataloader.dataset)
    assert len(found(wrapped, ['train'])) == 2


@pytest.mark.parametrize('pipelines, message', [
    ([SOUND, CUT], 'the config has .*clip_hop=1.0.*clip_hop=0.96'),
    ([('LoadAudioFeatures', )] * 2, 'the config has none'),
    ([('LoadAudioClip', 'MuteAudio', 'AudioToLogMel')], 'MuteAudio'),
    ([('LoadAudioClip', 'MyGain', 'AudioToLogMel')], 'right after it'),
    ([('LoadAudioClip', )], 'right after it, one of AudioToLogMel'),
    ([(*SOUND, 'LoadAudioFeatures')], 'expected LoadAudioClip'),
    ([(*SOUND, dict(type='RandomApply', transforms=[dict(type='MuteAudio')]))],
     'MuteAudio'),
])
def test_sound_that_cannot_be_cached(pipelines, message):
    splits = ['train', 'val', 'test'][:len(pipelines)]
    with pytest.raises(ValueError, match=message):
        found(steps_of(*pipelines), splits)


@pytest.mark.parametrize('step, expected', [
    (dict(type='LoadAudioClip'), dict(sound='waveform', clip_hop=1.0)),
    (dict(type='LoadAudioClip', clip_hop=0.96, sample_rate=8000),
     dict(sound='waveform', clip_hop=0.96, sample_rate=8000)),
    (dict(type='LoadAudioClip', window=3), dict(window=3.0)),
    (dict(type='mmseg.LoadLogMel'), dict(sound='log_mel', clip_hop=0.96)),
])
def test_description(step, expected):
    with DefaultScope.overwrite_default_scope('mmseg'):
        found = describe_sound([step])
    assert expected.items() <= found.items()
    assert ('log_mel' in found) == (found['sound'] == 'waveform')


def test_other_front_ends(tmp_path):
    """Found as AudioToLogMel is, and described by their settings."""
    transformers = pytest.importorskip('transformers')
    folder = str(tmp_path / 'clap')
    transformers.ClapFeatureExtractor().save_pretrained(folder)
    model_input = dict(type='AudioToModelInput', pretrained=folder)
    clip = dict(type='LoadAudioClip', sample_rate=48000)
    steps = found(steps_of(('A', clip, model_input, 'B')), ['train'])
    assert steps == [clip, model_input]
    with DefaultScope.overwrite_default_scope('mmseg'):
        described = describe_sound(steps)
        fbank = describe_sound([clip, dict(type='mmseg.AudioToFbank')])
    assert described['front_end'] == model_input
    assert described['extractor']['max_length_s'] == 10
    assert 'log_mel' not in described and 'log_mel' not in fbank
    assert fbank['front_end'] == dict(type='AudioToFbank')
