# Copyright (c) mmteso contributors. All rights reserved.
import os.path as osp
import pickle

import pytest
import torch
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS

from data import make_avsbench
from mmteso.datasets import SynonymError
from mmteso.datasets.avsbench_meta import AVSBENCH_CLASSES
from mmteso.datasets.transforms import LoadTextCues
from mmteso.io import CueRecord, MissingPhrasesError, write_cue_file
from mmteso.models.text_encoders import (HashTextEncoder, collect_phrases,
                                         write_cue_bank)

CLASSES = ('background', 'dog', 'emergency-car', 'man')
RECORDS = [CueRecord('u', 0, ('Dog', 'emergency car')), CueRecord('u', 1, ()),
           CueRecord('u', 2, ('a', 'b', 'man', 'dog', 'emergency-car', 'f')),
           CueRecord('u', 3, ('background', 'dogs', 'man'))]


@pytest.fixture
def sample(tmp_path):
    """Gives a frame's sample; the bank holds all cues."""
    file, bank = (str(tmp_path / n) for n in ('cues.jsonl', 'b.safetensors'))
    write_cue_file(file, RECORDS)
    write_cue_bank(bank, HashTextEncoder(16), collect_phrases([file]))
    return lambda frame, **keys: dict(
        dict(uid='u', frame=frame, class_names=CLASSES, cue_file=file,
             cue_bank=bank), **keys)


@pytest.mark.parametrize('num_cues', [1, 4, 8])
@pytest.mark.parametrize('record', RECORDS)
def test_features(sample, record, num_cues):
    """Those of the bank, cut off or padded with zeros."""
    results = LoadTextCues(num_cues=num_cues)(sample(record.frame))
    count = min(num_cues, len(record.cues))
    assert results['text_cues'] == list(record.cues[:count])
    feature, valid = results['text_feat'], results['text_valid']
    assert feature.shape == (num_cues, 16) and feature.dtype == torch.float32
    assert torch.equal(feature[:count],
                       HashTextEncoder(16)(record.cues[:count]))
    assert not feature[count:].any()
    assert valid.tolist() == [index < count for index in range(num_cues)]
    assert 'cue_target' not in results


@pytest.mark.parametrize('source, key', [('mask', 'frame_classes'),
                                         ('a_obj', 'a_obj')])
def test_targets(sample, source, key):
    transform = LoadTextCues(cue_target=source)
    transform = pickle.loads(pickle.dumps(transform))
    other = dict(frame_classes=(), a_obj=())
    # by the class, spelled as the cue or not; 'dogs' and the background are
    # none
    for frame, sounding, expected in (
        (0, ('dog', ), [1, 0, -1, -1]),
        (0, ('emergency-car', 'man'), [0, 1, -1, -1]),
        (1, ('dog', ), [-1] * 4),
        (2, ('emergency-car', 'man'), [-1, -1, 1, 0]),
        (3, ('background', 'man'), [-1, -1, 1, -1]),
    ):
        results = transform(sample(frame, **dict(other, **{key: sounding})))
        assert results['cue_target'].tolist() == expected
        assert results['cue_target'].dtype == torch.float32
        with pytest.raises(ValueError, match=f'frame {frame}.*"{key}"'):
            transform(sample(frame, **dict(other, **{key: None})))


@pytest.mark.parametrize(
    'synonyms, sounding, expected', [
        (None, ['man'], [-1, -1, 1, -1]), ('auto', ['man'], [1, 0, 1, -1]),
        ('avsbench', ['woman', 'emergency-car'], [1, 1, 0, -1])])
def test_synonyms(sample, synonyms, sounding, expected):
    """A word of several classes sounds if one of them does."""
    frame = sample(0, cue_bank=None, frame_classes=sounding)
    write_cue_file(frame['cue_file'], [
        CueRecord('u', 0, ('people', 'red ambulance', 'man', 'speaker'))
    ])
    transform = LoadTextCues(cue_target='mask', synonyms=synonyms)
    results = transform(dict(frame, class_names=AVSBENCH_CLASSES))
    assert results['cue_target'].tolist() == expected
    assert results['text_cues'][0] == 'people'
    # words alone, for a model that reads no text
    assert 'text_feat' not in results and results['text_valid'].all()
    if synonyms == 'avsbench':
        with pytest.raises(SynonymError, match="'accordion'.*class set lacks"):
            transform(frame)


@pytest.fixture
def config(tmp_path):
    root = make_avsbench(tmp_path / 'avs', ('v1m', ), ('train', ), clips=1)
    write_cue_bank(f'{root}/bank.safetensors', HashTextEncoder(8),
                   collect_phrases([f'{root}/cues.jsonl']))
    return dict(
        type='mmseg.AVSBenchDataset', data_root=root, cue_file='cues.jsonl',
        cue_bank='bank.safetensors', pipeline=[
            dict(type='LoadImageFromFile'), dict(
                type='TestTimeAug',
                transforms=[[dict(type='RandomFlip', prob=0.)],
                            [dict(type='LoadTextCues')]])])


def _unwrapped(results):
    """Of the single view of TestTimeAug."""
    return {key: value for key, (value, ) in results.items()}


def test_paths_are_relative_to_the_data_root(config, tmp_path, monkeypatch):
    init_default_scope('mmseg')
    results = _unwrapped(DATASETS.build(config)[0])
    assert results['text_feat'].shape == (4, 8)
    root = config['data_root']
    absolute = dict(config, cue_file=osp.abspath(f'{root}/cues.jsonl'),
                    cue_bank=osp.abspath(f'{root}/bank.safetensors'))
    monkeypatch.chdir(tmp_path)
    for changed in (absolute, dict(config, data_root='avs')):
        again = _unwrapped(DATASETS.build(changed)[0])
        assert torch.equal(again['text_feat'], results['text_feat'])


def test_absent_cues_are_named_when_it_is_built(config):
    with pytest.raises(ValueError, match='has no cue_file'):
        DATASETS.build(dict(config, cue_file=None))
    # and a bank that lacks a cue
    root = config['data_root']
    phrases = collect_phrases([f'{root}/cues.jsonl'])
    write_cue_bank(f'{root}/bank.safetensors', HashTextEncoder(8), phrases[1:])
    with pytest.raises(MissingPhrasesError, match=f'lacks 1: {phrases[0]!r}'):
        DATASETS.build(config)
