# Copyright (c) mmteso contributors. All rights reserved.
import pytest
import torch
from mmseg.structures import SegDataSample
from narrow import build, make_batch
from torch import nn

from mmteso.models.segmentors.cached_audio import CachedAudioCheck
from mmteso.models.weights import state_sha256


@pytest.fixture(scope='module')
def model():
    return build('teso/teso_r18_synthavs.py').eval()


def cached_batch(model, **provenance):
    """A batch whose sound was encoded before."""
    batch = make_batch()
    batch['inputs']['audio_feat'] = model.audio_encoder(
        batch['inputs'].pop('log_mel'))
    provenance = dict(dict(file='audio.safetensors', encoder='LogMelStats',
                           state_sha256=''), **provenance)
    for sample in batch['data_samples']:
        sample.set_metainfo(dict(audio_provenance=provenance))
    return batch


def test_same_as_encoding(model):
    """Predictions; without samples nothing can be checked."""
    cached = cached_batch(model)
    assert 'log_mel' not in cached['inputs']
    with torch.no_grad():
        assert model.predict(cached['inputs'])
        for one, other in zip(
                model.predict(**make_batch()), model.predict(**cached)):
            assert torch.equal(one.sounding_score.data,
                               other.sounding_score.data)
            assert torch.equal(one.cue_scores, other.cue_scores)


def test_features_of_another_encoder(model):
    batch = cached_batch(model, encoder='VGGish')
    for method in (model.loss, model.predict):
        with pytest.raises(
                ValueError, match='(?s)"audio.safetensors" holds features of '
                'VGGish.*encoder is LogMelStats.*extract_audio_features'):
            method(**batch)
    batch = cached_batch(model)
    batch['data_samples'][1].pop('audio_provenance')
    with pytest.raises(ValueError, match='nothing says which encoder'):
        model.loss(**batch)


def test_weights():
    def sample(state, encoder='Linear'):
        provenance = dict(
            file='a.safetensors', encoder=encoder, state_sha256=state)
        return SegDataSample(metainfo=dict(audio_provenance=provenance))

    encoder, check = nn.Linear(2, 2), CachedAudioCheck()
    own = sample(state_sha256(encoder))
    with pytest.raises(ValueError, match='Linear trains'):
        check(encoder, [own])
    encoder.requires_grad_(False)
    check(encoder, [own, own])
    with pytest.raises(ValueError, match='Linear with other weights'):
        check(encoder, [own, sample('0' * 64)])
    with pytest.raises(ValueError, match='unknown weights'):
        check(encoder, [sample(None)])
    # nothing to tell apart
    check(nn.Identity(), [sample(None, 'Identity')])
