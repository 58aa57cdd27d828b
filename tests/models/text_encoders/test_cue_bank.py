# Copyright (c) mmteso contributors. All rights reserved.
import pickle

import pytest
import torch

from mmteso.io import FeatureFileError, Provenance, write_feature_file
from mmteso.models.text_encoders import CueBank


@pytest.fixture
def bank_file(tmp_path):
    path = str(tmp_path / 'bank.safetensors')
    features = {
        'dog': torch.tensor([1., 0., 2.]),
        'emergency car': torch.tensor([0., 3., 0.])
    }
    write_feature_file(path, features,
                       Provenance('cue_bank', 'imagebind_huge', 'ab12', 3))
    return path


def test_looks_phrases_up(bank_file):
    bank = CueBank(bank_file)
    assert bank.embed_dims == 3
    features = bank(['Emergency-Car', 'dog', 'dog'])
    assert features.dtype == torch.float32
    assert features.tolist() == [[0, 3, 0], [1, 0, 2], [1, 0, 2]]
    assert bank([]).shape == (0, 3)


def test_names_the_missing_phrases_and_the_command(bank_file):
    with pytest.raises(KeyError) as error:
        CueBank(bank_file)(['dog', 'Fire-Truck', 'cat', 'cat'])
    message = str(error.value)
    assert "lacks 2: 'cat', 'fire truck'." in message
    assert ("python tools/extract_text_features.py CONFIG --phrases cat "
            f"'fire truck' --update --out {bank_file} ") in message
    assert 'imagebind_huge' in message
    with pytest.raises(TypeError, match='string'):
        CueBank(bank_file)('dog')


def test_checks_a_cue_file_at_once(bank_file):
    bank = CueBank(bank_file)
    bank.check_cues({'Dog', 'emergency-car'}, 'cues.jsonl')
    cues = {f'cue {number:02}' for number in range(30)} | {'dog', "'s"}
    assert len(bank.missing(cues)) == 31
    with pytest.raises(KeyError) as error:
        bank.check_cues(cues, 'my data/cues.jsonl')
    message = str(error.value)
    assert message.startswith('"my data/cues.jsonl": the cue bank')
    assert 'lacks 31: "\'s", \'cue 00\', ' in message
    assert "'cue 18' and 11 more. Add them: " in message
    assert ("python tools/extract_text_features.py CONFIG --cues "
            f"'my data/cues.jsonl' --update --out {bank_file} ") in message


def test_an_absent_bank_says_how_to_write_it(tmp_path):
    path = str(tmp_path / 'no bank.safetensors')
    with pytest.raises(FileNotFoundError) as error:
        CueBank(path)
    assert ('python tools/extract_text_features.py CONFIG --cues CUE_FILE '
            f"--out '{path}'") in str(error.value)


def test_refuses_the_bank_of_another_encoder(bank_file, tmp_path):
    CueBank(bank_file, expect=dict(encoder='imagebind_huge', dims=3))
    with pytest.raises(FeatureFileError, match="encoder is 'imagebind_huge'"):
        CueBank(bank_file, expect=dict(encoder='all-minilm'))
    # As AVSBench's configs ask for: an unscaled bank would be 100 times off.
    with pytest.raises(FeatureFileError, match='scaled'):
        CueBank(bank_file, expect=dict(settings=dict(scaled=True)))
    frames = str(tmp_path / 'frames.safetensors')
    write_feature_file(frames, {'clip/0': torch.zeros(2, 3)},
                       Provenance('text', 'imagebind_huge', 'ab12', 3))
    with pytest.raises(FeatureFileError, match="kind is 'text'"):
        CueBank(frames)


def test_travels_to_spawned_workers(bank_file):
    bank = pickle.loads(pickle.dumps(CueBank(bank_file)))
    assert bank(['dog']).tolist() == [[1, 0, 2]]


def test_phrases_of_wrong_length_are_refused(tmp_path):
    with pytest.raises(FeatureFileError, match=r'\(3,\)'):
        write_feature_file(
            str(tmp_path / 'x'), {'dog': torch.zeros(1, 3)},
            Provenance('cue_bank', 'e', '', 3))
