# Copyright (c) mmteso contributors. All rights reserved.
import pickle
import time

import pytest
import torch
from mmseg.registry import TRANSFORMS

from mmteso.datasets import SynonymError
from mmteso.datasets.avsbench_meta import AVSBENCH_CLASSES
from mmteso.datasets.transforms import LoadTextCues, text_cues
from mmteso.datasets.transforms.text_cues import cue_targets, pad_cue_features
from mmteso.io import CueRecord, normalize_phrase, write_cue_file
from mmteso.models.text_encoders import (CueBank, HashTextEncoder,
                                         collect_phrases, cue_bank,
                                         write_cue_bank)

CLASSES = ('background', 'dog', 'emergency-car', 'man')
ENCODER = dict(type='HashTextEncoder', embed_dims=16)


@pytest.fixture
def cue_file(tmp_path):
    path = str(tmp_path / 'cues.jsonl')
    write_cue_file(path, [
        CueRecord('u', 0, ('Dog', 'emergency car')),
        CueRecord('u', 1, ()),
        CueRecord('u', 2, ('a', 'b', 'man', 'dog', 'emergency-car', 'f')),
        CueRecord('u', 3, ('background', 'dogs', 'man')),
    ])
    return path


def sample(frame, **keys):
    return dict(dict(uid='u', frame=frame, class_names=CLASSES), **keys)


def test_padded(cue_file):
    transform = TRANSFORMS.build(
        dict(type='LoadTextCues', cue_file=cue_file, text_encoder=ENCODER))
    results = transform(sample(0))
    assert results['text_cues'] == ['Dog', 'emergency car']
    assert results['text_feat'].shape == (4, 16)
    assert results['text_feat'].dtype == torch.float32
    assert torch.equal(results['text_feat'][:2],
                       HashTextEncoder(16)(['dog', 'emergency car']))
    assert not results['text_feat'][2:].any()
    assert results['text_valid'].tolist() == [True, True, False, False]
    assert results['text_valid'].dtype == torch.bool
    assert 'cue_target' not in results


def test_words_alone(cue_file):
    """For CuesToClasses; targets need no features either."""
    results = LoadTextCues(
        cue_file, num_cues=3, cue_target='mask')(
            sample(2, frame_classes=('man', )))
    assert results['text_cues'] == ['a', 'b', 'man']
    assert results['cue_target'].tolist() == [-1, -1, 1]
    assert 'text_feat' not in results and 'text_valid' not in results


def test_empty(cue_file):
    results = LoadTextCues(cue_file, ENCODER, cue_target='mask')(
        sample(1, frame_classes=('dog', )))
    assert results['text_cues'] == []
    assert results['text_feat'].shape == (4, 16)
    assert not results['text_feat'].any() and not results['text_valid'].any()
    assert results['cue_target'].tolist() == [-1, -1, -1, -1]


@pytest.mark.parametrize('num_cues', [1, 4, 6, 8])
def test_truncated(cue_file, num_cues):
    results = LoadTextCues(
        cue_file, ENCODER, num_cues=num_cues, cue_target='mask')(
            sample(2, frame_classes=('emergency-car', 'man')))
    kept = min(num_cues, 6)
    assert len(results['text_cues']) == kept
    assert results['text_feat'].shape == (num_cues, 16)
    assert results['text_valid'].sum() == kept
    assert results['cue_target'].tolist() == [-1, -1, 1, 0, 1, -1, -1,
                                              -1][:num_cues]


@pytest.mark.parametrize('source, key', [('mask', 'frame_classes'),
                                         ('a_obj', 'a_obj')])
def test_targets(cue_file, source, key):
    transform = LoadTextCues(cue_file, ENCODER, cue_target=source)
    other = dict(frame_classes=(), a_obj=())
    # by the class, spelled as the cue or not; 'dogs' names none
    for frame, sounding, expected in (
        (0, ('dog', ), [1, 0, -1, -1]),
        (0, ('emergency-car', 'man'), [0, 1, -1, -1]),
        (0, (), [0, 0, -1, -1]),
        (3, ('dog', 'man'), [-1, -1, 1, -1]),
    ):
        results = transform(sample(frame, **dict(other, **{key: sounding})))
        assert results['cue_target'].tolist() == expected
        assert results['cue_target'].dtype == torch.float32


def test_cue_targets_ignore_the_background():
    targets = cue_targets(['background', 'dog'], ['background', 'dog'],
                          CLASSES, 3)
    assert targets.tolist() == [-1, 1, -1]


@pytest.mark.parametrize('synonyms, sounding, expected', [
    (None, ['man'], [-1, -1, 1, -1]),
    ('auto', ['man'], [1, 0, 1, -1]),
    ('avsbench', ['man'], [1, 0, 1, -1]),
    ('avsbench', ['woman', 'emergency-car'], [1, 1, 0, -1]),
    ('avsbench', [], [0, 0, 0, -1]),
])
def test_synonyms(tmp_path, synonyms, sounding, expected):
    """A word of several classes sounds if one of them does."""
    path = str(tmp_path / 'cues.jsonl')
    write_cue_file(
        path,
        [CueRecord('u', 0, ('people', 'red ambulance', 'man', 'speaker'))])
    transform = TRANSFORMS.build(
        dict(
            type='LoadTextCues',
            cue_file=path,
            text_encoder=ENCODER,
            cue_target='mask',
            synonyms=synonyms))
    transform = pickle.loads(pickle.dumps(transform))
    results = transform(
        sample(0, class_names=AVSBENCH_CLASSES, frame_classes=sounding))
    assert results['cue_target'].tolist() == expected
    # the words themselves go to the encoder
    assert results['text_cues'][0] == 'people'


def test_synonyms_of_other_classes(cue_file):
    transform = LoadTextCues(
        cue_file, ENCODER, cue_target='a_obj', synonyms='avsbench')
    with pytest.raises(SynonymError, match="'accordion'.*class set lacks"):
        transform(sample(0, a_obj=()))


def test_pad_cue_features_copies():
    features = torch.ones(4, 2)
    padded, valid = pad_cue_features(features, 4)
    assert valid.all() and torch.equal(padded, features)
    padded.zero_()
    assert features.all()


def test_each_phrase_is_encoded_once(cue_file):
    seen = []

    class Encoder:
        embed_dims = 2

        def __call__(self, cues):
            seen.extend(cues)
            weight = torch.ones(2, requires_grad=True)
            return torch.tensor([[len(cue)] for cue in cues]) * weight

    transform = LoadTextCues(cue_file, Encoder())
    for _ in range(3):
        for frame in range(4):
            results = transform(sample(frame))
            assert not results['text_feat'].requires_grad
            for row, cue in zip(results['text_feat'], results['text_cues']):
                assert row.tolist() == [len(cue)] * 2
            results['text_feat'].zero_()  # leaves the cache alone
    assert len(seen) == len(set(seen)) == 8


def test_an_encoder_of_another_shape_is_an_error(cue_file):

    class Encoder:
        embed_dims = 3

        def __call__(self, cues):
            return torch.zeros(len(cues), 2)

    with pytest.raises(
            ValueError, match=r'Encoder must map one cue to \(1, 3\)'):
        LoadTextCues(cue_file, Encoder())(sample(0))


def test_missing_frame_names_everything(cue_file):
    with pytest.raises(KeyError) as error:
        LoadTextCues(cue_file, ENCODER)(sample(9))
    for part in ('frame 9', '"u"', cue_file, 'needs a line'):
        assert part in error.value.args[0]


@pytest.mark.parametrize('source, keys, error, message', [
    ('mask', {}, KeyError, '"frame_classes" of frame 0 of "u".*LoadAVSAnnot'),
    ('mask', dict(frame_classes=None), ValueError, "binary. Use.*'a_obj'"),
    ('a_obj', {}, KeyError, '"a_obj" of frame 0 of "u"'),
    ('a_obj', dict(a_obj=None), ValueError, '"a_obj" is None'),
    ('a_obj', dict(class_names=None), ValueError, 'has none. Set cue_target='),
])
def test_targets_without_truth_are_an_error(cue_file, source, keys, error,
                                            message):
    transform = LoadTextCues(cue_file, ENCODER, cue_target=source)
    with pytest.raises(error, match=message):
        transform(sample(0, **keys))


def test_impossible_arguments(cue_file):
    with pytest.raises(ValueError, match='num_cues must be at least 1'):
        LoadTextCues(cue_file, ENCODER, num_cues=0)
    with pytest.raises(ValueError, match="'a_obj'.*but got 'label'"):
        LoadTextCues(cue_file, ENCODER, cue_target='label')
    with pytest.raises(ValueError, match='no effect without cue_target'):
        LoadTextCues(cue_file, ENCODER, synonyms='avsbench')
    with pytest.raises(FileNotFoundError, match="no synonyms 'none.yaml'"):
        LoadTextCues(
            cue_file, ENCODER, cue_target='mask', synonyms='none.yaml')


def test_failed_records_are_counted_once(tmp_path, warned):
    path = str(tmp_path / 'cues.jsonl')
    write_cue_file(path, [
        CueRecord('u', 0, (), status='failed'),
        CueRecord('u', 1, ('dog', )),
    ])
    transform = LoadTextCues(path, ENCODER)
    for _ in range(2):
        assert not transform(sample(0))['text_valid'].any()
    assert len(warned) == 1 and 'failed for 1 of 2 frames' in warned[0]


def test_goes_to_workers(cue_file):
    transform = LoadTextCues(cue_file, ENCODER, cue_target='a_obj')
    copy = pickle.loads(pickle.dumps(transform))
    first, second = (t(sample(0, a_obj=('dog', )))
                     for t in (transform, copy))
    assert torch.equal(first['text_feat'], second['text_feat'])
    assert "cue_target='a_obj'" in repr(copy)


@pytest.fixture
def bank_file(tmp_path):
    """Of every cue of the cue file but 'b', 'dogs' and 'f'."""
    path = str(tmp_path / 'bank.safetensors')
    phrases = ['dog', 'emergency car', 'a', 'man', 'background']
    write_cue_bank(path, HashTextEncoder(16), phrases)
    return path


def test_phrases_missing_in_the_bank_are_named_at_once(cue_file, bank_file):
    config = dict(
        type='LoadTextCues',
        cue_file=cue_file,
        text_encoder=dict(type='CueBank', bank_file=bank_file))
    with pytest.raises(KeyError) as error:
        TRANSFORMS.build(config)
    # 'f' is the sixth cue, of which four are used
    for part in ("lacks 2: 'b', 'dogs'. Add them: ", f'"{cue_file}": ',
                 f'--cues {cue_file} --update --out {bank_file}'):
        assert part in str(error.value)
    with pytest.raises(KeyError, match="lacks 3: 'b', 'dogs', 'f'"):
        TRANSFORMS.build(dict(config, num_cues=6))

    # and what the command does
    phrases = collect_phrases([cue_file])
    write_cue_bank(bank_file, HashTextEncoder(16), phrases, update=True)
    found = TRANSFORMS.build(dict(config, num_cues=6))
    hashed = LoadTextCues(cue_file, ENCODER, num_cues=6)
    for frame in range(4):
        assert torch.equal(
            found(sample(frame))['text_feat'],
            hashed(sample(frame))['text_feat'])


def test_the_check_of_a_large_cue_file_is_cheap(bank_file, monkeypatch):
    """The half million cue slots of AVSBench, of few different phrases."""
    names = ['dog', 'Dog', 'emergency-car', 'man', 'a', 'background']
    kinds = [
        CueRecord('u', 0, tuple(names[shift:] + names[:shift]))
        for shift in range(len(names))
    ]
    records = {
        ('u', number): kinds[number % len(kinds)]
        for number in range(125000)
    }
    normalized = []
    monkeypatch.setattr(text_cues, 'open_cue_file', lambda path: records)
    monkeypatch.setattr(
        cue_bank, 'normalize_phrase',
        lambda cue: normalized.append(cue) or normalize_phrase(cue))
    bank = CueBank(bank_file)
    start = time.process_time()
    LoadTextCues('cues.jsonl', bank)
    assert time.process_time() - start < 1
    assert sorted(normalized) == sorted(names)
