# Copyright (c) mmteso contributors. All rights reserved.
import pytest
import torch

from mmteso.io import (CueBank, CueRecord, FeatureFile, FeatureFileError,
                       Provenance, write_cue_file, write_feature_file)
from mmteso.models.text_encoders import (HashTextEncoder, collect_phrases,
                                         write_cue_bank)


class Recorder(HashTextEncoder):
    """Remembers the batches that it was asked to encode."""

    def __init__(self, **kwargs):
        super().__init__(embed_dims=8, **kwargs)
        self.batches = []

    def forward(self, cues):
        self.batches.append(list(cues))
        return super().forward(cues).half()


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / 'bank.safetensors')


def test_collects_each_phrase_once(tmp_path):
    cues, words = str(tmp_path / 'cues.jsonl'), tmp_path / 'words.txt'
    write_cue_file(
        cues,
        [CueRecord('u', 0, ('Dog', 'emergency-car')), CueRecord('u', 1, ()),
         CueRecord('u', 2, ('dog', ' DOG ', 'Emergency car', 'x', 'y', 'z'))])
    words.write_text('\n\u00e9lan vital\n  dog \n\nzither', encoding='utf-8')
    assert collect_phrases([cues]) == ['dog', 'emergency car', 'x', 'y', 'z']
    assert collect_phrases([cues], [str(words)], ['Cat', 'cat']) == [
        'cat', 'dog', 'emergency car', 'x', 'y', 'z', 'zither',
        '\u00e9lan vital']


def test_things_that_are_no_phrases(tmp_path):
    cues = str(tmp_path / 'cues.jsonl')
    write_cue_file(cues, [CueRecord('u', 0, ('dog', '--'))])
    with pytest.raises(ValueError, match=r"cues.jsonl: '--' is no phrase"):
        collect_phrases([cues])
    # half of a surrogate pair, as a server may answer it
    with pytest.raises(ValueError, match='is no phrase'):
        collect_phrases(phrases=['\ud83d'])
    write_cue_file(cues, [CueRecord('u', 0, ())])
    with pytest.raises(ValueError, match='no phrases.*all cues are empty'):
        collect_phrases([cues])


def test_each_phrase_is_encoded_once_in_batches(path):
    encoder = Recorder()
    assert write_cue_bank(
        path, encoder, ['b', 'A', 'a-c', 'a', 'd', 'a  c', 'e'],
        batch_size=2) == (5, 0)
    assert encoder.batches == [['a', 'a c'], ['b', 'd'], ['e']]
    file = FeatureFile(path)
    assert set(file) == {'a', 'a c', 'b', 'd', 'e'}
    assert file.provenance == Provenance(
        'cue_bank', 'Recorder', '', 8,
        dict(normalize=True, seed=0, phrases='normalized'))
    # half precision is stored in full
    assert all(file[key].dtype == torch.float32 for key in file)
    assert torch.equal(CueBank(path).look_up(['A-C', 'b']),
                       HashTextEncoder(8)(['a c', 'b']).half().float())


def test_update_encodes_what_is_missing_only(path):
    write_feature_file(path, dict(dog=torch.full((8, ), 7.)),
                       Recorder().provenance())
    encoder = Recorder()
    assert write_cue_bank(path, encoder, ['DOG', 'cat'], update=True) == (1, 1)
    assert encoder.batches == [['cat']]
    assert CueBank(path).look_up(['dog']).tolist() == [[7.] * 8]  # as it was
    # phrases that are no longer asked for stay
    assert write_cue_bank(path, Recorder(), ['bird'], update=True) == (1, 2)
    assert set(FeatureFile(path)) == {'bird', 'cat', 'dog'}
    # without it the file is replaced
    write_cue_bank(path, Recorder(seed=1), ['cat'])
    assert set(FeatureFile(path)) == {'cat'}


@pytest.mark.parametrize('changes, message', [
    (dict(encoder='imagebind_huge'),
     "encoder is 'imagebind_huge', the encoder's 'HashTextEncoder'"),
    (dict(settings=dict(normalize=True, seed=1)),
     "phrases is None, .*seed is 1, the encoder's 0"),
])
def test_update_refuses_other_features(path, changes, message):
    encoder = HashTextEncoder(8)
    provenance = Provenance(**{**vars(encoder.provenance()), **changes})
    write_feature_file(path, dict(dog=torch.zeros(8)), provenance)
    with pytest.raises(FeatureFileError, match=message):
        write_cue_bank(path, encoder, ['dog', 'cat'], update=True)
    assert set(FeatureFile(path)) == {'dog'}


def test_encoders_that_will_not_do(path):
    with pytest.raises(FileNotFoundError, match='no cue bank'):
        write_cue_bank(path, HashTextEncoder(8), ['dog'], update=True)
    encoder = HashTextEncoder(8)
    for rows in (torch.zeros(1, 3), torch.full((1, 8), float('nan'))):
        encoder.forward = lambda cues: rows
        with pytest.raises(FeatureFileError, match='"dog" .* be 8 finite'):
            write_cue_bank(path, encoder, ['dog'])
