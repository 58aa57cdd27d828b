# Copyright (c) mmteso contributors. All rights reserved.
import hashlib
import math
import pickle

import pytest
import torch
from mmseg.registry import MODELS
from mmseg.utils import tokenize
from tiny_imagebind import random_checkpoint, text_embeddings

from mmteso.io import Provenance
from mmteso.models.text_encoders import ImageBindText, ImageBindWeightsError

CUES = ['dog', 'emergency-car', 'a man who plays the ukulele', 'word ' * 90]
SCALE = 'modality_postprocessors.text.1.log_logit_scale'


@pytest.fixture(scope='session')
def checkpoint():
    """Small random weights under the names of imagebind_huge.pth."""
    return random_checkpoint()


@pytest.fixture(scope='session')
def weights_file(checkpoint, tmp_path_factory):
    path = tmp_path_factory.mktemp('imagebind') / 'imagebind_small.pth'
    torch.save(checkpoint, path)
    return str(path)


@pytest.fixture(scope='module')
def encoder(weights_file):
    return ImageBindText(weights_file)


@pytest.mark.parametrize('text, ids', [
    # what SimpleTokenizer gives in ImageBind at commit 53680b0
    ('This is a dog.', [589, 533, 320, 1929, 269]),
    ("a dog's  BARK\n", [320, 1929, 568, 16560]),
    ('caf\u00c3\u00a9 &amp;amp; \ufb01ne', [15304, 261, 3797]),
    ('\u201cukulele\u201d \U0001f600', [257, 39094, 257, 7334]),
    ('dog ' * 90, [1929] * 75),  # keeps its end token
])
def test_tokens_are_imagebinds(text, ids):
    ids = [49406, *ids, 49407]
    assert tokenize([text])[0].tolist() == ids + [0] * (77 - len(ids))


@pytest.mark.parametrize('num_heads, settings', [
    (1, dict()), (4, dict(scaled=False, template='{cue} makes a sound'))])
def test_is_imagebinds_text_tower(checkpoint, weights_file, num_heads,
                                  settings):
    encoder = MODELS.build(dict(type='ImageBindText', weights=weights_file,
                                num_heads=num_heads if num_heads > 1 else None,
                                **settings))
    sentences = [encoder.template.format(cue=cue.replace('-', ' ').strip())
                 for cue in CUES]
    expected = text_embeddings(checkpoint, tokenize(sentences), num_heads,
                               encoder.scaled)
    found = encoder(CUES)
    assert found.dtype == torch.float32
    assert found.shape == (4, encoder.embed_dims) == (4, 24)
    length = 30 if encoder.scaled else 1
    torch.testing.assert_close(
        found.double(), expected, rtol=0, atol=3e-6 * length)
    # the texts are told apart, so this is no coincidence
    assert torch.pdist(found / length).min() > 0.02


def test_width_gives_the_heads_and_the_factor_is_at_most_100(tmp_path):
    path = str(tmp_path / 'wide.pth')
    checkpoint = random_checkpoint(
        width=128, blocks=1, dims=8, log_scale=math.log(100) + 1)
    torch.save(checkpoint, path)
    found = ImageBindText(path)(['dog'])
    expected = text_embeddings(checkpoint, tokenize(['This is a dog.']), 2)
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=3e-4)
    assert found.norm().item() == pytest.approx(100, rel=1e-5)


@pytest.mark.parametrize('template', ['This is a {}.', '{cue} {cue}', '{cue'])
def test_wrong_template(template, weights_file):
    with pytest.raises(ValueError, match='template'):
        ImageBindText(weights_file, template=template)


def test_is_frozen_and_goes_to_workers(encoder):
    assert not any(p.requires_grad for p in encoder.parameters())
    assert encoder.train() is encoder
    assert not any(module.training for module in encoder.modules())
    assert not encoder(['dog']).requires_grad
    assert encoder([]).shape == (0, 24)
    copy = pickle.loads(pickle.dumps(encoder))
    assert torch.equal(copy(['dog']), encoder(['dog']))


def test_provenance(encoder, weights_file):
    with open(weights_file, 'rb') as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    assert encoder.provenance() == Provenance(
        'cue_bank', 'imagebind_huge', digest, 24, dict(
            scaled=True, template='This is a {cue}.', num_heads=1,
            phrases='normalized', tokenizer='clip_bpe_16e6'))


@pytest.mark.parametrize('changes, message', [
    ({'modality_preprocessors.text.pos_embed': torch.zeros(1, 77, 15)},
     'pos_embed'),
    ({'modality_trunks.text.blocks.1.norm_1.bias': None}, 'norm1.bias'),
    ({'modality_trunks.text.blocks.1.more': torch.zeros(1)}, '1.more'),
    ({SCALE: None}, 'log_logit_scale'),
    ({'modality_preprocessors.text.token_embedding.weight':
      torch.zeros(100, 16)}, '100 tokens.*49408'),
])
def test_weights_that_are_not_whole(checkpoint, changes, message, tmp_path):
    path = str(tmp_path / 'weights.pth')
    weights = {**checkpoint, **changes}
    torch.save({k: v for k, v in weights.items() if v is not None}, path)
    with pytest.raises(ImageBindWeightsError, match=f'(?s){path}.*{message}'):
        ImageBindText(path)


def test_other_files(tmp_path):
    path = str(tmp_path / 'no.pth')
    with pytest.raises(FileNotFoundError, match='https://dl.fbaipublicfiles'):
        ImageBindText(path)
    torch.save(dict(weight=torch.zeros(1)), path)
    with pytest.raises(ImageBindWeightsError, match=path):
        ImageBindText(path)
