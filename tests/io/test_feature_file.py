# Copyright (c) mmteso contributors. All rights reserved.
import os
import pickle
import shlex

import pytest
import torch
from safetensors.torch import load_file

from mmteso.io import (CueBank, FeatureFile, FeatureFileError,
                       MissingPhrasesError, Provenance, feature_key,
                       write_feature_file)

AUDIO = Provenance('audio', 'VGGish', 'cd' * 32, 8, dict(clip_hop=1.0))
BANK = Provenance('cue_bank', 'imagebind_huge', 'ab' * 32, 3)


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / 'f.safetensors')


def test_round_trip(path):
    batch = torch.randn(5, 8, requires_grad=True)
    features = {
        feature_key('u', 0): batch[4],  # views of one batch
        feature_key('v/"w"\u00e9\\', 1): batch[2],
        'half/0': torch.ones(8, dtype=torch.float16)
    }
    write_feature_file(path, features, AUDIO)
    assert os.listdir(os.path.dirname(path)) == ['f.safetensors']
    for file in (FeatureFile(path), pickle.loads(
            pickle.dumps(FeatureFile(path)))):
        assert file.provenance == AUDIO
        assert len(file) == 3 and set(file) == set(features)
        for key, feature in features.items():
            assert torch.equal(file[key], feature)
            assert file[key].dtype == feature.dtype
            assert not file[key].requires_grad
    assert set(load_file(path)) == set(features)  # a plain safetensors file
    with pytest.raises(KeyError, match='f.safetensors.*VGGish.*"u/7"'):
        FeatureFile(path)['u/7']


def test_the_same_features_give_the_same_bytes(tmp_path):
    paths = [tmp_path / f'{number}.safetensors' for number in range(8)]
    for path in paths:
        write_feature_file(
            str(path), {'a': torch.ones(3), 'b \u00e9"': torch.zeros(3)}, BANK)
    assert len({path.read_bytes() for path in paths}) == 1


@pytest.mark.parametrize('expect, message', [
    (dict(kind='audio', encoder='VGGish', settings=dict(clip_hop=1.0)), None),
    (dict(kind='cue_bank'), "kind is 'audio', expected 'cue_bank'"),
    (dict(encoder='CLIP', dims=8), "encoder is 'VGGish', expected 'CLIP'"),
    (dict(weights_hash='00'), "weights_hash is 'cd.*', expected '00'"),
    (dict(settings=dict(clip_hop=0.96)), r"\['clip_hop'\] is 1.0, expected"),
    (dict(settings=dict(template='x')), r"\['template'\] is None"),
    (dict(encodr='VGGish'), r"got \['encodr'\]"),
])
def test_what_is_expected(path, expect, message):
    write_feature_file(path, {'u/0': torch.zeros(8)}, AUDIO)
    if message is None:
        assert len(FeatureFile(path, expect)) == 1
        return
    with pytest.raises(ValueError, match=message):
        FeatureFile(path, expect)


@pytest.mark.parametrize('feature', [torch.zeros(1, 8), torch.zeros(7),
                                     torch.zeros(8, dtype=torch.int64),
                                     torch.full((8, ), float('nan'))])
def test_unusable_features_are_not_written(tmp_path, feature):
    with pytest.raises(FeatureFileError, match='"u/0" of .*must be 8 finite'):
        write_feature_file(str(tmp_path / 'f'), {'u/0': feature}, AUDIO)
    assert not os.listdir(tmp_path)


@pytest.fixture
def bank(path):
    write_feature_file(path,
                       {'dog': torch.tensor([1., 0., 2.]),
                        'emergency car': torch.tensor([0., 3., 0.]).half()},
                       BANK)
    return CueBank(path)


def test_looks_phrases_up(bank):
    features = bank.look_up(['Emergency-Car', 'dog', 'dog'])
    assert features.dtype == torch.float32
    assert features.tolist() == [[0, 3, 0], [1, 0, 2], [1, 0, 2]]
    assert bank.look_up([]).shape == (0, 3)


def command_in(error):
    return shlex.split(str(error.value).partition('Add them: ')[2])


def test_names_the_missing_phrases_and_the_command(bank, path):
    with pytest.raises(MissingPhrasesError, match='imagebind_huge') as error:
        bank.look_up(['dog', 'Fire-Truck', "cat's"])
    assert command_in(error)[:8] == [
        'python', 'tools/extract_text_features.py', 'CONFIG', '--phrases',
        'fire truck', "cat's", '--update', '--out']
    bank.check_cues({'Dog', 'emergency-car'}, 'cues.jsonl')
    with pytest.raises(MissingPhrasesError) as error:
        bank.check_cues({f'cue {number:02}' for number in range(30)},
                        'my data/cues.jsonl')
    assert 'lacks 30: \'cue 00\', ' in str(error.value)
    assert "'cue 19' and 10 more. Add them: " in str(error.value)
    assert command_in(error)[3:8] == ['--cues', 'my data/cues.jsonl',
                                      '--update', '--out', path]
