# Copyright (c) mmteso contributors. All rights reserved.
import hashlib
import importlib.util
import math
import pickle

import pytest
import torch
from mmseg.registry import MODELS
from tiny_imagebind import random_checkpoint, text_embeddings

from mmteso.io import Provenance
from mmteso.models.text_encoders import ImageBindText
from mmteso.models.text_encoders.imagebind_tokenizer import imagebind_tokenizer
from mmteso.models.text_encoders.imagebind_weights import (
    ImageBindWeightsError, convert_imagebind_text, write_converted_weights)

pytest.importorskip('transformers', reason="needs pip install 'mmteso[text]'")

CUES = ['dog', 'emergency-car', 'a man who plays the ukulele', 'word ' * 90]


def reference(checkpoint, cues, num_heads=1, template='This is a {}.', **kw):
    sentences = [template.format(cue) for cue in cues]
    tokens = imagebind_tokenizer()(sentences)
    return text_embeddings(checkpoint, tokens, num_heads, **kw)


@pytest.fixture(scope='module')
def encoder(weights_file):
    return ImageBindText(weights_file)


# ---------------------------------------------------------------- numbers
@pytest.mark.parametrize('scaled', [True, False])
@pytest.mark.parametrize('num_heads', [None, 4])
def test_is_imagebinds_text_tower(checkpoint, weights_file, scaled, num_heads):
    encoder = MODELS.build(
        dict(
            type='ImageBindText',
            weights=weights_file,
            scaled=scaled,
            num_heads=num_heads))
    spelled = [cue.replace('-', ' ').strip() for cue in CUES]
    expected = reference(checkpoint, spelled, num_heads or 1, scaled=scaled)
    found = encoder(CUES)
    assert found.dtype == torch.float32
    assert found.shape == (4, encoder.embed_dims) == (4, 24)
    length = 30 if scaled else 1
    torch.testing.assert_close(
        found.double(), expected, rtol=0, atol=3e-6 * length)
    torch.testing.assert_close(
        found.norm(dim=1), torch.full((4, ), float(length)))
    # the texts are told apart, so this is no coincidence
    assert torch.pdist(found / length).min() > 0.02


def test_the_comparison_sees_every_weight(checkpoint):
    """A weight in the wrong place would be noticed above."""
    expected = reference(checkpoint, ['dog'])
    keys = [
        key for key in checkpoint
        if '.text.' in key and not key.endswith('.mask')
    ]
    assert len(keys) == 6 + 2 * 12
    for key in keys:
        value = checkpoint[key]
        # the numbers change places, or the only one its size
        moved = value.roll(1) if value.ndim else 0.5 * value
        difference = reference({**checkpoint, key: moved}, ['dog']) - expected
        assert difference.abs().max() > 1e-3, key


def test_width_gives_the_heads(tmp_path):
    checkpoint = random_checkpoint(width=128, blocks=1, dims=8)
    path = str(tmp_path / 'wide.pth')
    torch.save(checkpoint, path)
    found = ImageBindText(path, scaled=False)(CUES[:2])
    expected = reference(
        checkpoint, ['dog', 'emergency car'], num_heads=2, scaled=False)
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=3e-6)


def test_factor_is_at_most_100(checkpoint, tmp_path):
    path = str(tmp_path / 'weights.pth')
    for log_scale, length in ((math.log(100) + 1, 100), (math.log(99.5),
                                                         99.5)):
        key = 'modality_postprocessors.text.1.log_logit_scale'
        torch.save({**checkpoint, key: torch.tensor(log_scale)}, path)
        found = ImageBindText(path)(['dog'])
        assert found.norm().item() == pytest.approx(length, rel=1e-5)


def test_a_batch_changes_nothing(encoder):
    together = encoder(CUES)
    alone = torch.cat([encoder([cue]) for cue in CUES])
    torch.testing.assert_close(together, alone, rtol=0, atol=5e-5)


def test_spelling_does_not_matter(encoder):
    first, second = encoder([' Emergency_Car', 'emergency car'])
    assert torch.equal(first, second)


def test_template(checkpoint, weights_file):
    encoder = ImageBindText(weights_file, template='{cue} makes a sound')
    torch.testing.assert_close(
        encoder(['dog']).double(),
        reference(checkpoint, ['dog'], template='{} makes a sound'),
        rtol=0,
        atol=1e-4)


@pytest.mark.parametrize('template', [
    'This is a dog.', 'This is a {}.', 'This is a {name}.', '{cue} {cue}',
    'This is a {cue'
])
def test_wrong_template(template, weights_file):
    with pytest.raises(ValueError, match='template'):
        ImageBindText(weights_file, template=template)


def test_no_cues_and_no_list(encoder):
    assert encoder([]).shape == (0, 24)
    with pytest.raises(TypeError, match="the string 'dog'"):
        encoder('dog')


# ---------------------------------------------------------------- frozen
def test_is_frozen(encoder):
    assert not any(p.requires_grad for p in encoder.parameters())
    assert encoder.train() is encoder
    assert not any(module.training for module in encoder.modules())
    assert not encoder(['dog']).requires_grad


def test_only_the_text_tower_is_kept(checkpoint, encoder):
    text = sum(
        value.numel() for key, value in checkpoint.items()
        if '.text.' in key and not key.endswith('.mask'))
    held = [*encoder.parameters(), *encoder.buffers()]
    positions = 77  # their indices, which transformers keeps
    assert sum(value.numel() for value in held) == text + positions
    assert all(value.device.type == 'cpu' for value in held)
    # no storage is shared, as a part of the mapped file would be
    for value in held:
        assert value.untyped_storage().nbytes() == value.nbytes or (
            value.numel() == positions)


def test_goes_to_workers(encoder):
    copy = pickle.loads(pickle.dumps(encoder))
    assert torch.equal(copy(['dog']), encoder(['dog']))
    assert copy.provenance() == encoder.provenance()


# ---------------------------------------------------------------- files
def test_converted_weights_give_the_same(checkpoint, weights_file, tmp_path):
    path = str(tmp_path / 'text.safetensors')
    with open(weights_file, 'rb') as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    write_converted_weights(
        path,
        convert_imagebind_text(checkpoint),
        source_file=weights_file,
        source_sha256=digest,
        num_heads=2)
    converted = ImageBindText(path)
    original = ImageBindText(weights_file, num_heads=2)
    assert torch.equal(converted(CUES), original(CUES))
    assert converted.provenance() == original.provenance()
    with pytest.raises(ImageBindWeightsError, match='needs the original'):
        ImageBindText(path, backend='imagebind')


def test_provenance(encoder, weights_file):
    with open(weights_file, 'rb') as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    assert encoder.provenance() == Provenance(
        'cue_bank', 'imagebind_huge', digest, 24,
        dict(
            scaled=True,
            template='This is a {cue}.',
            num_heads=1,
            phrases='normalized',
            tokenizer='clip_bpe_16e6'))
    other = ImageBindText(
        weights_file, template='A {cue}.', scaled=False, num_heads=2,
        name='mine').provenance()
    assert other.encoder == 'mine'
    assert other.settings['template'] == 'A {cue}.'
    assert other.settings['scaled'] is False
    assert other.settings['num_heads'] == 2


@pytest.mark.parametrize('key, shape', [
    ('modality_preprocessors.text.pos_embed', (1, 77, 15)),
    ('modality_heads.text.proj.0.weight', (17, )),
    ('modality_trunks.text.blocks.1.mlp.fc1.weight', (60, 16)),
])
def test_weights_that_do_not_fit_together(checkpoint, key, shape, tmp_path):
    path = str(tmp_path / 'weights.pth')
    torch.save({**checkpoint, key: torch.zeros(shape)}, path)
    with pytest.raises(ImageBindWeightsError, match='not fit together') as err:
        ImageBindText(path)
    assert path in str(err.value)


def test_another_vocabulary(checkpoint, tmp_path):
    path = str(tmp_path / 'weights.pth')
    key = 'modality_preprocessors.text.token_embedding.weight'
    torch.save({**checkpoint, key: torch.zeros(100, 16)}, path)
    with pytest.raises(ImageBindWeightsError, match='100 tokens.*49408'):
        ImageBindText(path)


def test_absent_weights(tmp_path):
    with pytest.raises(FileNotFoundError, match='imagebind_huge.pth'):
        ImageBindText(str(tmp_path / 'no.pth'))


# ---------------------------------------------------------------- backends
def test_unknown_backend(weights_file):
    with pytest.raises(ValueError, match="backend must be .*but got 'torch'"):
        ImageBindText(weights_file, backend='torch')


@pytest.mark.skipif(
    importlib.util.find_spec('imagebind') is not None,
    reason='the package imagebind is there')
def test_absent_package(weights_file):
    with pytest.raises(ImportError, match='facebookresearch/ImageBind.*same '
                       'numbers without it'):
        ImageBindText(weights_file, backend='imagebind')
