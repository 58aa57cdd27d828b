# Copyright (c) mmteso contributors. All rights reserved.
import pickle

import pytest
import torch
from mmseg.registry import TRANSFORMS

from mmteso.datasets.transforms import LoadAudioFeatures, PackAVTInputs
from mmteso.io import FeatureFileError, Provenance, write_feature_file


@pytest.fixture
def audio_file(tmp_path):

    def _write(**settings):
        path = str(tmp_path / 'audio.safetensors')
        features = {f'u/{t}': torch.full((128, ), float(t)) for t in range(3)}
        features['u/2'] = features['u/2'].half()
        write_feature_file(path, features,
                           Provenance('audio', 'VGGish', 'ab', 128, settings))
        return path

    return _write


def sample(frame, **keys):
    return dict(uid='u', frame=frame, **keys)


def test_audio(audio_file):
    transform = TRANSFORMS.build(
        dict(
            type='LoadAudioFeatures',
            feature_file=audio_file(),
            expect=dict(encoder='VGGish', dims=128)))
    for frame in range(3):
        results = transform(sample(frame))
        assert results['audio_feat'].shape == (128, )
        assert results['audio_feat'].dtype == torch.float32
        assert (results['audio_feat'] == frame).all()
        assert results['audio_condition'] == 'normal'
        assert results['audio_provenance'] == dict(
            file=transform.feature_file, encoder='VGGish', state_sha256=None)
    with pytest.raises(KeyError, match='audio.safetensors.*"u/9"'):
        transform(sample(9))


def test_features_of_altered_sound_are_refused(audio_file):
    with pytest.raises(
            FeatureFileError, match="audio.safetensors.*altered.*'mute'"):
        LoadAudioFeatures(audio_file(audio_condition='mute'))
    same = LoadAudioFeatures(audio_file(audio_condition='normal'))
    assert same(sample(0))['audio_condition'] == 'normal'


def test_whose_weights(audio_file):
    transform = LoadAudioFeatures(audio_file(state_sha256='cd'))
    results = transform(sample(0))
    assert results['audio_provenance']['state_sha256'] == 'cd'
    # through packing, to where the model reads it
    packed = PackAVTInputs()(results)['data_samples']
    assert packed.audio_provenance == results['audio_provenance']


def test_no_file(tmp_path):
    path = str(tmp_path / 'none.safetensors')
    with pytest.raises(
            FileNotFoundError, match='extract_audio_features.py CONFIG --out'):
        LoadAudioFeatures(path)


def test_other_features_than_expected(audio_file, tmp_path):
    with pytest.raises(FeatureFileError, match="'VGGish', expected 'BEATs'"):
        LoadAudioFeatures(audio_file(), expect=dict(encoder='BEATs'))
    bank = str(tmp_path / 'bank.safetensors')
    write_feature_file(bank, dict(dog=torch.zeros(8)),
                       Provenance('cue_bank', 'ImageBind', '', 8))
    with pytest.raises(FeatureFileError, match="'cue_bank', expected 'audio'"):
        LoadAudioFeatures(bank)


def test_goes_to_workers(audio_file):
    transform = LoadAudioFeatures(audio_file())
    transform(sample(0))
    copy = pickle.loads(pickle.dumps(transform))
    assert torch.equal(
        copy(sample(1))['audio_feat'],
        transform(sample(1))['audio_feat'])
