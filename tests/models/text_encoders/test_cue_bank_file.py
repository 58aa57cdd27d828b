# Copyright (c) mmteso contributors. All rights reserved.
import os

import pytest
import torch

from mmteso.io import (CueFileError, CueRecord, FeatureFile, FeatureFileError,
                       Provenance, write_cue_file, write_feature_file)
from mmteso.models.text_encoders import (CueBank, HashTextEncoder,
                                         collect_phrases, write_cue_bank)


class Recorder(HashTextEncoder):
    """Remembers the batches that it was asked to encode."""

    def __init__(self, **kwargs):
        super().__init__(embed_dims=8, **kwargs)
        self.batches = []

    def forward(self, cues):
        self.batches.append(list(cues))
        return super().forward(cues)


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / 'bank.safetensors')


# ---------------------------------------------------------------- phrases
def test_collects_each_phrase_once(tmp_path):
    cues, words = str(tmp_path / 'cues.jsonl'), tmp_path / 'words.txt'
    write_cue_file(cues, [
        CueRecord('u', 0, ('Dog', 'emergency-car')),
        CueRecord('u', 1, ()),
        CueRecord('u', 2, ('dog', ' DOG ', 'Emergency car', 'x', 'y', 'z')),
    ])
    words.write_text('\nélan vital\n  dog \n\nzither', encoding='utf-8')
    assert collect_phrases([cues]) == ['dog', 'emergency car', 'x', 'y', 'z']
    assert collect_phrases([cues], [str(words)], ['Cat', 'cat']) == [
        'cat', 'dog', 'emergency car', 'x', 'y', 'z', 'zither', 'élan vital'
    ]


def test_things_that_are_no_phrases(tmp_path):
    cues = str(tmp_path / 'cues.jsonl')
    write_cue_file(cues, [CueRecord('u', 0, ('dog', '--'))])
    with pytest.raises(ValueError, match=r"cues.jsonl: '--' is no phrase"):
        collect_phrases([cues])
    # half of a surrogate pair, as a server may answer it
    with pytest.raises(ValueError, match=r'no valid Unicode text'):
        collect_phrases(phrases=['\ud83d'])
    write_cue_file(cues, [CueRecord('u', 0, ())])
    with pytest.raises(ValueError, match='no phrases.*all cues are empty'):
        collect_phrases([cues])
    with pytest.raises(ValueError, match='no phrases to encode'):
        collect_phrases()
    with pytest.raises(FileNotFoundError, match='nowhere.txt'):
        collect_phrases(phrase_files=[str(tmp_path / 'nowhere.txt')])
    (tmp_path / 'broken.jsonl').write_text('{}')
    with pytest.raises(CueFileError, match='line 1'):
        collect_phrases([str(tmp_path / 'broken.jsonl')])


# ---------------------------------------------------------------- writing
def test_each_phrase_is_encoded_once_in_batches(path):
    encoder = Recorder()
    report = write_cue_bank(
        path, encoder, ['b', 'A', 'a-c', 'a', 'd', 'a  c', 'e'], batch_size=2)
    assert encoder.batches == [['a', 'a c'], ['b', 'd'], ['e']]
    assert report == (5, 0, encoder.provenance())
    file = FeatureFile(path)
    assert set(file) == {'a', 'a c', 'b', 'd', 'e'}
    assert file.provenance == Provenance(
        'cue_bank', 'Recorder', '', 8,
        dict(normalize=True, seed=0, phrases='normalized'))
    assert all(file[key].dtype == torch.float32 for key in file)
    assert torch.equal(
        CueBank(path)(['A-C', 'b']),
        HashTextEncoder(8)(['a c', 'b']))


def test_half_precision_is_stored_in_full(path):
    encoder = HashTextEncoder(8)
    forward = encoder.forward
    encoder.forward = lambda cues: forward(cues).half()
    write_cue_bank(path, encoder, ['dog'])
    assert FeatureFile(path)['dog'].dtype == torch.float32


# ---------------------------------------------------------------- updating
def test_update_encodes_what_is_missing_only(path):
    write_feature_file(path, dict(dog=torch.full((8, ), 7.)),
                       Recorder().provenance())
    encoder = Recorder()
    report = write_cue_bank(path, encoder, ['dog', 'cat'], update=True)
    assert encoder.batches == [['cat']]
    assert (report.added, report.kept) == (1, 1)
    bank = CueBank(path)
    assert bank(['dog']).tolist() == [[7.] * 8]  # as it was
    assert torch.equal(bank(['cat']), HashTextEncoder(8)(['cat']))
    # phrases that are no longer asked for stay
    report = write_cue_bank(path, Recorder(), ['bird'], update=True)
    assert (report.added, report.kept) == (1, 2)
    assert set(FeatureFile(path)) == {'bird', 'cat', 'dog'}


def test_update_with_nothing_to_add(path):
    write_cue_bank(path, Recorder(), ['dog'])
    before = os.stat(path).st_mtime_ns, os.stat(path).st_ino
    encoder = Recorder()
    report = write_cue_bank(path, encoder, ['DOG'], update=True)
    assert (report.added, report.kept) == (0, 1)
    assert not encoder.batches
    assert (os.stat(path).st_mtime_ns, os.stat(path).st_ino) == before


def test_without_update_the_file_is_replaced(path):
    write_cue_bank(path, Recorder(), ['dog'])
    report = write_cue_bank(path, Recorder(seed=1), ['cat'])
    assert (report.added, report.kept) == (1, 0)
    assert set(FeatureFile(path)) == {'cat'}


@pytest.mark.parametrize('changes, message', [
    (dict(encoder='imagebind_huge'),
     "encoder is 'imagebind_huge', the encoder's 'HashTextEncoder'"),
    (dict(weights_hash='ab12'), "weights_hash is 'ab12', the encoder's ''"),
    (dict(dims=4), "dims is 4, the encoder's 8"),
    (dict(settings=dict(normalize=True, seed=1, phrases='normalized')),
     "seed is 1, the encoder's 0"),
    (dict(settings=dict(normalize=True, seed=0)),
     "phrases is None, the encoder's 'normalized'"),
    (dict(settings=dict(
        normalize=True, seed=0, phrases='normalized', scaled=True)),
     "scaled is True, the encoder's None"),
])
def test_update_refuses_the_bank_of_another_encoder(path, changes, message):
    encoder = HashTextEncoder(8)
    provenance = Provenance(**{**vars(encoder.provenance()), **changes})
    write_feature_file(path, dict(dog=torch.zeros(provenance.dims)),
                       provenance)
    with open(path, 'rb') as file:
        before = file.read()
    with pytest.raises(FeatureFileError) as error:
        write_cue_bank(path, encoder, ['dog', 'cat'], update=True)
    assert message in str(error.value)
    with open(path, 'rb') as file:
        assert file.read() == before


def test_update_needs_a_bank(path):
    with pytest.raises(FileNotFoundError, match='no cue bank'):
        write_cue_bank(path, HashTextEncoder(8), ['dog'], update=True)
    write_feature_file(path, {'u/0': torch.zeros(8)},
                       Provenance('audio', 'VGGish', '', 8))
    with pytest.raises(FeatureFileError, match="kind is 'audio'"):
        write_cue_bank(path, HashTextEncoder(8), ['dog'], update=True)


# ---------------------------------------------------------------- errors
def test_encoders_that_will_not_do(path):
    write_cue_bank(path, HashTextEncoder(8), ['dog'])
    with pytest.raises(TypeError, match="CueBank: it has no method proven"):
        write_cue_bank(f'{path}.2', CueBank(path), ['dog'])

    class Wrong(HashTextEncoder):

        def forward(self, cues):
            return torch.zeros(len(cues), 3)

    with pytest.raises(
            ValueError, match=r'Wrong must map 1 phrases to \(1, 8\).*1, 3'):
        write_cue_bank(f'{path}.2', Wrong(8), ['dog'])

    class Infinite(HashTextEncoder):

        def forward(self, cues):
            return torch.full((len(cues), 8), float('nan'))

    with pytest.raises(FeatureFileError, match='"dog" .*not finite'):
        write_cue_bank(f'{path}.2', Infinite(8), ['dog'])
    with pytest.raises(ValueError, match='batch_size must be at least 1'):
        write_cue_bank(f'{path}.2', HashTextEncoder(8), ['dog'], batch_size=0)
    assert os.listdir(os.path.dirname(path)) == ['bank.safetensors']
