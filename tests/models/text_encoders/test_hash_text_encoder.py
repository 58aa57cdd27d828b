# Copyright (c) mmteso contributors. All rights reserved.
import pickle

import pytest
import torch
from mmseg.registry import MODELS

from mmteso.models.text_encoders import HashTextEncoder

CUES = ['dog', 'puppy', 'violin', 'emergency-car', 'man', 'woman']


def test_built_from_a_config():
    encoder = MODELS.build(dict(type='HashTextEncoder', embed_dims=32))
    assert isinstance(encoder, HashTextEncoder)
    assert encoder.embed_dims == 32
    assert encoder(CUES).shape == (6, 32)
    assert HashTextEncoder().embed_dims == 1024
    assert not list(encoder.parameters()) and not encoder.state_dict()


def test_stored_numbers():
    """The same on every machine, in every process, for good."""
    encoder = HashTextEncoder(embed_dims=4)
    torch.testing.assert_close(
        encoder(['dog', 'emergency car']),
        torch.tensor([[-0.6909654, 0.2261496, -0.228418, 0.647494],
                      [-0.3966555, 0.3588792, 0.5126256, -0.6716287]]),
        rtol=0,
        atol=1e-7)


def test_unit_length():
    feature = HashTextEncoder()(CUES)
    assert feature.dtype == torch.float32
    torch.testing.assert_close(feature.norm(dim=1), torch.ones(6))


def test_entries_of_variance_one():
    feature = HashTextEncoder(normalize=False)(CUES)
    assert feature.var().item() == pytest.approx(1, abs=0.05)
    assert feature.mean().item() == pytest.approx(0, abs=0.05)
    direction = HashTextEncoder()(CUES)
    torch.testing.assert_close(
        torch.nn.functional.normalize(feature), direction)


def test_different_cues_are_nearly_orthogonal():
    cues = [f'thing {i}' for i in range(200)]
    feature = HashTextEncoder()(cues).double()
    cosine = (feature @ feature.T)[~torch.eye(200, dtype=torch.bool)]
    assert cosine.abs().max() < 0.2
    assert cosine.std().item() == pytest.approx(1024**-0.5, rel=0.05)


def test_spelling_does_not_matter():
    feature = HashTextEncoder(16)(
        ['emergency-car', ' Emergency  car', 'EMERGENCY_CAR'])
    assert (feature == feature[0]).all()


def test_neither_order_nor_company_matters():
    encoder = HashTextEncoder(16)
    feature = encoder(CUES)
    assert torch.equal(encoder(CUES[::-1]), feature.flip(0))
    assert torch.equal(encoder(CUES[2:3])[0], feature[2])
    assert torch.equal(pickle.loads(pickle.dumps(encoder))(CUES), feature)
    assert encoder([]).shape == (0, 16)


def test_the_random_state_is_neither_used_nor_changed():
    torch.manual_seed(1)
    state = torch.get_rng_state()
    feature = HashTextEncoder(16)(CUES)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert torch.equal(HashTextEncoder(16)(CUES), feature)


def test_the_seed_chooses_other_vectors():
    first, second = (HashTextEncoder(seed=seed)(CUES) for seed in (0, 1))
    assert (first * second).sum(1).abs().max() < 0.2


def test_errors():
    with pytest.raises(TypeError, match="got the string 'dog'"):
        HashTextEncoder()('dog')
    with pytest.raises(ValueError, match='at least 1, but got 0'):
        HashTextEncoder(embed_dims=0)


def test_provenance():
    provenances = [
        HashTextEncoder(8, **kwargs).provenance()
        for kwargs in ({}, dict(seed=1), dict(normalize=False))
    ]
    assert len(set(map(repr, provenances))) == 3
    for provenance in provenances:
        assert provenance.kind == 'cue_bank' and provenance.dims == 8
        assert provenance.encoder == 'HashTextEncoder'
        assert provenance.weights_hash == ''


@pytest.mark.parametrize('normalize', [True, False])
def test_composed_of_words(normalize):
    encoder = HashTextEncoder(256, normalize=normalize, compose=True)
    plain = HashTextEncoder(256, normalize=normalize)
    whole, striped, disc, ring = encoder(
        ['Striped-disc', 'striped', 'disc', 'ring'])
    total = striped + disc
    total = total / (total.norm() if normalize else 2**0.5)
    torch.testing.assert_close(whole, total)
    # of one word it is what it was
    assert torch.equal(plain(['striped', 'disc', 'ring']),
                       torch.stack([striped, disc, ring]))
    assert not torch.equal(plain(['striped disc'])[0], whole)
    assert torch.equal(encoder(['disc striped'])[0], whole)
    # shared words make cues similar
    cosine = torch.nn.functional.cosine_similarity
    other, stranger = encoder(['striped ring', 'solid star'])
    assert cosine(whole, other, dim=0).item() == pytest.approx(0.5, abs=0.15)
    assert abs(cosine(whole, stranger, dim=0)) < 0.25


def test_composed_entries_of_variance_one():
    cues = [f'thing {i} of {i + 1000}' for i in range(50)]
    feature = HashTextEncoder(normalize=False, compose=True)(cues)
    assert feature.var().item() == pytest.approx(1, abs=0.05)
    assert HashTextEncoder(8, compose=True)(['', ' ']).isfinite().all()


def test_provenance_of_composed_cues():
    plain, composed = (
        HashTextEncoder(8, compose=compose).provenance()
        for compose in (False, True))
    assert 'compose' not in plain.settings  # as in banks from before
    assert composed.settings['compose'] is True
