# Copyright (c) mmteso contributors. All rights reserved.
import os
import pickle

import pytest
import torch
from safetensors.torch import load_file, save_file

from mmteso.io import (FeatureFile, FeatureFileError, Provenance, feature_key,
                       write_feature_file)

TEXT = Provenance('text', 'ImageBind', 'ab' * 32, 8, dict(scaled=True))
AUDIO = Provenance('audio', 'VGGish', 'cd' * 32, 128, dict(clip_hop=1.0))


def test_round_trip(tmp_path):
    path = str(tmp_path / 'f.safetensors')
    batch = torch.randn(5, 8, requires_grad=True)
    features = {
        feature_key('u', 0): batch[:4],  # views of one batch
        feature_key('u', 1): batch[2:3],
        feature_key('v/w', 0): torch.zeros(0, 8),  # a frame without cues
        'half/0': torch.ones(2, 8, dtype=torch.float16)
    }
    write_feature_file(path, features, TEXT)
    assert os.listdir(tmp_path) == ['f.safetensors']
    file = FeatureFile(path)
    assert file.provenance == TEXT
    assert len(file) == 4 and set(file) == set(features)
    for key, feature in features.items():
        assert key in file
        assert torch.equal(file[key], feature) and not file[key].requires_grad
        assert file[key].dtype == feature.dtype
    assert 'u/2' not in file
    assert set(load_file(path)) == set(features)  # a plain safetensors file


def test_audio(tmp_path):
    path = str(tmp_path / 'f.safetensors')
    write_feature_file(path, {'u/0': torch.arange(128.)}, AUDIO)
    assert torch.equal(FeatureFile(path)['u/0'], torch.arange(128.))


def test_missing_feature_is_named(tmp_path):
    path = str(tmp_path / 'f.safetensors')
    write_feature_file(path, {'u/0': torch.zeros(1, 8)}, TEXT)
    with pytest.raises(KeyError, match='f.safetensors.*ImageBind.*"u/7"'):
        FeatureFile(path)['u/7']


@pytest.mark.parametrize('expect', [
    None, {},
    dict(kind='text'),
    dict(encoder='ImageBind', weights_hash='ab' * 32, dims=8),
    dict(settings=dict(scaled=True)),
    dict(settings={})
])
def test_what_is_expected_and_found(tmp_path, expect):
    path = str(tmp_path / 'f.safetensors')
    write_feature_file(path, {'u/0': torch.zeros(1, 8)}, TEXT)
    assert len(FeatureFile(path, expect)) == 1


@pytest.mark.parametrize('expect, message', [
    (dict(kind='audio'), "kind is 'text', expected 'audio'"),
    (dict(encoder='CLIP', dims=8), "encoder is 'ImageBind', expected 'CLIP'"),
    (dict(weights_hash='00'), "weights_hash is 'ab.*', expected '00'"),
    (dict(dims=1024), 'dims is 8, expected 1024'),
    (dict(settings=dict(scaled=False)), r"\['scaled'\] is True, expected Fa"),
    (dict(settings=dict(template='x')), r"\['template'\] is None"),
])
def test_what_is_expected_and_not_found(tmp_path, expect, message):
    path = str(tmp_path / 'f.safetensors')
    write_feature_file(path, {'u/0': torch.zeros(1, 8)}, TEXT)
    with pytest.raises(FeatureFileError, match=message):
        FeatureFile(path, expect)


def test_an_unknown_expectation_is_an_error(tmp_path):
    path = str(tmp_path / 'f.safetensors')
    write_feature_file(path, {'u/0': torch.zeros(1, 8)}, TEXT)
    with pytest.raises(ValueError, match=r"got \['encodr'\]"):
        FeatureFile(path, dict(encodr='ImageBind'))


def test_other_files_are_refused(tmp_path):
    path = str(tmp_path / 'f.safetensors')
    with pytest.raises(FileNotFoundError, match='f.safetensors" does not'):
        FeatureFile(path)
    open(path, 'wb').write(b'no safetensors file')
    with pytest.raises(FeatureFileError, match='cannot be read'):
        FeatureFile(path)
    save_file({'u/0': torch.zeros(1, 8)}, path)  # nobody knows from where
    with pytest.raises(FeatureFileError, match="format is None, expected"):
        FeatureFile(path)
    metadata = TEXT.to_metadata()
    del metadata['encoder']
    save_file({'u/0': torch.zeros(1, 8)}, path, metadata)
    with pytest.raises(FeatureFileError, match=r"lacks \['encoder'\]"):
        FeatureFile(path)


def test_a_feature_of_another_length_is_refused(tmp_path):
    path = str(tmp_path / 'f.safetensors')
    save_file({'u/0': torch.zeros(1, 9)}, path, TEXT.to_metadata())
    with pytest.raises(FeatureFileError, match=r'\(n, 8\), but has \(1, 9\)'):
        FeatureFile(path)['u/0']


@pytest.mark.parametrize('provenance, feature, message', [
    (TEXT, torch.zeros(8), r'\(n, 8\), but has \(8,\)'),
    (AUDIO, torch.zeros(1, 128), r'\(128,\), but has \(1, 128\)'),
    (AUDIO, torch.zeros(128, dtype=torch.int64), 'torch.int64'),
    (AUDIO, torch.full((128, ), float('nan')), 'not finite'),
])
def test_unusable_features_are_not_written(tmp_path, provenance, feature,
                                           message):
    with pytest.raises(FeatureFileError, match=f'"u/0".*{message}'):
        write_feature_file(
            str(tmp_path / 'f'), {'u/0': feature}, provenance)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    'change', [dict(kind='video'), dict(encoder=''), dict(dims=0)])
def test_impossible_provenance(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        Provenance(**dict(dict(kind='text', encoder='X', weights_hash='',
                               dims=8), **change))


def test_goes_to_spawned_workers(tmp_path):
    path = str(tmp_path / 'f.safetensors')
    write_feature_file(path, {'u/0': torch.ones(1, 8)}, TEXT)
    file = FeatureFile(path)
    file['u/0']
    copy = pickle.loads(pickle.dumps(file))
    assert torch.equal(copy['u/0'], torch.ones(1, 8))
    assert copy.provenance == TEXT
