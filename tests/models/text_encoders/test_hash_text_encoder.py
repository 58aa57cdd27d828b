# Copyright (c) mmteso contributors. All rights reserved.
import pickle

import pytest
import torch
from mmseg.registry import MODELS

from mmteso.models.text_encoders import HashTextEncoder

CUES = ['dog', 'puppy', 'violin', 'emergency-car', 'man', 'woman']


def test_stored_numbers():
    """The same on every machine, in every process, for good."""
    encoder = MODELS.build(dict(type='HashTextEncoder', embed_dims=4))
    torch.testing.assert_close(
        encoder(['dog', 'emergency car']),
        torch.tensor([[-0.6909654, 0.2261496, -0.228418, 0.647494],
                      [-0.3966555, 0.3588792, 0.5126256, -0.6716287]]), rtol=0,
        atol=1e-7)
    assert not encoder.state_dict()


def test_only_the_phrase_matters():
    """Not its spelling, order, company, or a random state."""
    encoder = HashTextEncoder(16)
    feature = encoder(CUES)
    state = torch.get_rng_state()
    assert torch.equal(encoder(CUES[::-1]), feature.flip(0))
    assert torch.equal(encoder(CUES[2:3])[0], feature[2])
    assert torch.equal(encoder([' EMERGENCY  car'])[0], feature[3])
    assert torch.equal(pickle.loads(pickle.dumps(encoder))(CUES), feature)
    assert encoder([]).shape == (0, 16)
    assert torch.equal(torch.get_rng_state(), state)


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


def test_provenance():
    plain, *others = [HashTextEncoder(8, **kwargs).provenance()
                      for kwargs in ({}, dict(seed=1), dict(normalize=False),
                                     dict(compose=True))]
    assert all(other != plain for other in others)
    assert (plain.kind, plain.encoder) == ('cue_bank', 'HashTextEncoder')
    assert (plain.dims, plain.weights_hash) == (8, '')
    assert 'compose' not in plain.settings  # as in banks from before
