# Copyright (c) mmteso contributors. All rights reserved.
import math
import os.path as osp
import pickle

import numpy as np
import pytest
import soundfile
import torch
from mmcv.transforms import Compose, RandomApply
from mmseg.registry import TRANSFORMS

from mmteso.datasets.transforms import (AudioToLogMel, LoadAudioClip,
                                        LoadAudioFeatures, LoadLogMel,
                                        MuteAudio, PackAVTInputs)
from mmteso.io import FeatureFileError, Provenance, write_feature_file

RATE = 16000


@pytest.fixture
def sample(tmp_path):
    """Sample of a frame of a ramp that lasts the given seconds."""

    def _sample(frame, seconds=5., uid='u'):
        path = tmp_path / f'{uid}_{seconds}.wav'
        if not path.exists():
            ramp = np.arange(round(seconds * RATE)) / (20 * RATE)
            soundfile.write(str(path), ramp, RATE, subtype='FLOAT')
        return dict(audio_path=str(path), uid=uid, frame=frame)

    return _sample


@pytest.mark.parametrize('kwargs, hop, rate', [
    ({}, 1.0, 16000), (dict(clip_hop=0.96), 0.96, 16000),
    (dict(sample_rate=8000), 1.0, 8000)])
def test_the_frames_own_sound(sample, kwargs, hop, rate, warned):
    transform = TRANSFORMS.build(dict(type='LoadAudioClip', **kwargs))
    transform = pickle.loads(pickle.dumps(transform))
    for frame in range(4):
        results = transform(sample(frame))
        waveform = results['waveform']
        assert waveform.shape == (round(0.975 * rate), )
        assert waveform.dtype == np.float32
        # the ramp's value tells the time
        assert waveform[100] * 20 == pytest.approx(
            frame * hop + 100 / rate, abs=1e-3)
        assert results['sample_rate'] == rate
        assert results['audio_condition'] == 'normal'
        waveform[:] = 7  # a copy
    assert not warned


@pytest.mark.parametrize('window, frame, expected', [
    (1., 2, (2., 3.)),
    (3., 2, (1., 4.)),
    (3., 0, (0., 3.)),  # moved into the sound
    (3., 4, (2., 5.)),
    (10., 2, (0., 5.)),  # all there is
])
def test_window_around_the_frames_second(sample, window, frame, expected,
                                         warned):
    waveform = LoadAudioClip(window=window)(sample(frame))['waveform']
    assert waveform[0] * 20 == pytest.approx(expected[0], abs=1e-3)
    assert waveform[-1] * 20 == pytest.approx(expected[1], abs=1e-3)
    assert not warned
    waveform[:] = 7  # a copy


@pytest.mark.parametrize('seconds, starts', [
    (5.5, [0, 0.96, 1.92, 2.88, 3.84]), (4.5, [0, 0.96, 1.92, 2.88, 2.88]),
    (0.975, [0] * 5)])
def test_examples_of_avsbenchs_preprocessing(sample, seconds, starts):
    found = [LoadAudioClip(clip_hop=0.96)(sample(frame, seconds))
             for frame in range(5)]
    np.testing.assert_allclose([results['waveform'][0] * 20
                                for results in found], starts, atol=1e-4)


@pytest.mark.parametrize('clip_hop, last', [(1.0, 1.525), (0.96, 0.96)])
def test_short_files_end_with_their_last_clip(sample, warned, clip_hop, last):
    transform = LoadAudioClip(clip_hop=clip_hop)
    starts = [transform(sample(frame, 2.5))['waveform'][0] * 20
              for frame in (0, 1, 2, 3, 4, 2, 1)]
    np.testing.assert_allclose(
        starts, [0, clip_hop, last, last, last, last, clip_hop], atol=1e-4)
    assert len(warned) == 1  # once per file
    for part in ('u_2.5.wav', 'lasts 2.500 s', 'too short for frame 2',
                 f'from {last:.3f} s'):
        assert part in warned[0]
    transform(sample(3, 2.5, uid='v'))
    assert len(warned) == 2


def test_sounds_that_can_not_be_loaded(sample):
    with pytest.raises(FileNotFoundError, match='gone.wav'):
        LoadAudioClip()(dict(sample(0), audio_path='gone.wav'))
    with pytest.raises(KeyError, match='"u" lacks.*LoadLogMel'):
        LoadAudioClip()(dict(uid='u', frame=0, audio_path=None))


def save(path, tensor):
    with open(path, 'wb') as file:
        pickle.dump(tensor, file)
    return dict(log_mel_path=str(path), uid='u', frame=0)


def examples(count=5):
    torch.manual_seed(0)
    return torch.rand(count, 1, 96, 64) * 5 + math.log(0.01)


def test_the_frames_own_example(tmp_path, warned):
    saved = save(tmp_path / 'a.pkl', examples(3).clone().requires_grad_())
    transform = TRANSFORMS.build(dict(type='LoadLogMel'))
    # short files repeat their last example, and say so once
    for frame in (0, 1, 2, 3, 4, 3):
        results = transform(dict(saved, frame=frame))
        assert torch.equal(results['log_mel'], examples(3)[min(frame, 2)])
        assert not results['log_mel'].requires_grad
        assert results['audio_condition'] == 'normal'
        # not the whole file goes to the main process
        assert results['log_mel'].untyped_storage().nbytes() == 4 * 96 * 64
    assert len(warned) == 1
    assert 'a.pkl" of "u" has 3 examples; from frame 3 on' in warned[0]
    for tensor in (examples().double(), torch.full((5, 1, 96, 64), .01).log()):
        log_mel = LoadLogMel()(save(tmp_path / 'b.pkl', tensor))['log_mel']
        assert torch.equal(log_mel, tensor[0].float())


def test_missing_file_or_key(tmp_path):
    with pytest.raises(FileNotFoundError, match='a.pkl'):
        LoadLogMel()(
            dict(log_mel_path=str(tmp_path / 'a.pkl'), uid='u', frame=0))
    with pytest.raises(KeyError, match='"u" lacks.*LoadAudioClip'):
        LoadLogMel()(dict(uid='u', frame=0))


@pytest.fixture
def feature_file(tmp_path):

    def _write(**settings):
        path = str(tmp_path / 'audio.safetensors')
        features = {f'u/{t}': torch.full((128, ), float(t)) for t in range(3)}
        features['u/2'] = features['u/2'].half()
        write_feature_file(path, features,
                           Provenance('audio', 'VGGish', 'ab', 128, settings))
        return path

    return _write


def test_cached_features(feature_file):
    path = feature_file(state_sha256='cd', audio_condition='normal')
    transform = TRANSFORMS.build(dict(type='LoadAudioFeatures',
                                      feature_file='audio.safetensors',
                                      expect=dict(encoder='VGGish', dims=128)))
    root = osp.dirname(path)
    for frame in range(3):
        results = transform(dict(uid='u', frame=frame, data_root=root))
        assert results['audio_feat'].shape == (128, )
        assert results['audio_feat'].dtype == torch.float32
        assert (results['audio_feat'] == frame).all()
        # through packing, to where the model reads it
        packed = PackAVTInputs()(results)['data_samples']
        assert packed.audio_condition == 'normal'
        assert packed.audio_provenance == dict(
            file=path, encoder='VGGish', state_sha256='cd')
        transform = pickle.loads(pickle.dumps(transform))
    with pytest.raises(KeyError, match='audio.safetensors.*"u/9"'):
        transform(dict(uid='u', frame=9, data_root=root))


def test_feature_files_that_are_refused(feature_file, tmp_path):
    with pytest.raises(
            FeatureFileError, match="audio.safetensors.*altered.*'mute'"):
        LoadAudioFeatures(feature_file(audio_condition='mute')).open()
    with pytest.raises(FeatureFileError, match="'VGGish', expected 'BEATs'"):
        LoadAudioFeatures(feature_file(), dict(encoder='BEATs')).open()
    write_feature_file(str(tmp_path / 'bank'), dict(dog=torch.zeros(8)),
                       Provenance('cue_bank', 'ImageBind', '', 8))
    with pytest.raises(FeatureFileError, match="'cue_bank', expected 'audio'"):
        LoadAudioFeatures('bank').open(str(tmp_path))
    with pytest.raises(
            FileNotFoundError, match='extract_audio_features.py CONFIG --out'):
        LoadAudioFeatures('none').open(str(tmp_path))


def test_no_sound_is_loaded_over_another(sample, feature_file):
    """The later one would win, and what altered the earlier be in vain."""
    cached, clip = LoadAudioFeatures(feature_file()), LoadAudioClip()
    for steps in ([clip, MuteAudio(), cached], [clip, AudioToLogMel(), cached],
                  [RandomApply([clip, MuteAudio()], prob=1.), cached],
                  [clip, LoadLogMel()], [cached, LoadLogMel()],
                  [cached, clip]):
        with pytest.raises(RuntimeError) as error:
            Compose(steps)(sample(0))
        assert ('would be a second source of sound for None/u, frame 0' in str(
            error.value))
