# Copyright (c) mmteso contributors. All rights reserved.
"""No transform loads sound over another's, which might be altered."""
import pytest
import torch
from mmcv.transforms import Compose, RandomApply

from data import tone_of, write_wav
from mmteso.datasets.transforms import (AudioToLogMel, LoadAudioClip,
                                        LoadAudioFeatures, LoadLogMel,
                                        MuteAudio, ReplaceAudioWithNoise)
from mmteso.io import Provenance, write_feature_file


@pytest.fixture
def sample(tmp_path):
    write_wav(tmp_path / 'audio.wav', 1, [tone_of(3)])
    return dict(
        uid='u',
        frame=0,
        audio_path=str(tmp_path / 'audio.wav'),
        log_mel_path=str(tmp_path / 'none.pkl'))


@pytest.fixture
def cached(tmp_path):
    path = str(tmp_path / 'audio.safetensors')
    write_feature_file(path, {'u/0': torch.ones(4)},
                       Provenance('audio', 'LogMelStats', '', 4))
    return LoadAudioFeatures(path)


@pytest.mark.parametrize('alter', [MuteAudio(), ReplaceAudioWithNoise(10)])
def test_altered_sound_is_never_replaced_by_the_cache(sample, cached, alter):
    """Wherever in the pipeline the two stand."""
    condition = alter(LoadAudioClip()(dict(sample)))['audio_condition']
    for steps in ([LoadAudioClip(), alter, cached],
                  [LoadAudioClip(), alter, AudioToLogMel(), cached],
                  [RandomApply([LoadAudioClip(), alter], prob=1.), cached]):
        with pytest.raises(RuntimeError) as error:
            Compose(steps)(dict(sample))
        for part in ('LoadAudioFeatures would be a second source of sound for '
                     'frame 0 of "u"', 'waveform', f"'{condition}'",
                     'no cache holds it'):
            assert part in str(error.value)
    # the cache first: nothing left to alter, and no sound to load it from
    with pytest.raises(RuntimeError, match='have no sound to alter'):
        Compose([cached, alter])(dict(sample))
    with pytest.raises(RuntimeError, match='LoadAudioClip would be a second'):
        Compose([cached, LoadAudioClip(), alter])(dict(sample))


def test_log_mel_files_neither(sample, cached):
    with pytest.raises(RuntimeError, match='LoadLogMel would .*waveform'):
        Compose([LoadAudioClip(), MuteAudio(), LoadLogMel()])(dict(sample))
    with pytest.raises(RuntimeError, match='LoadLogMel would .*audio_feat'):
        Compose([cached, LoadLogMel()])(dict(sample))


def test_one_source_is_fine(sample, cached):
    results = Compose([LoadAudioClip(), AudioToLogMel()])(dict(sample))
    assert 'audio_feat' not in results
    assert cached(dict(sample))['audio_feat'].tolist() == [1] * 4
