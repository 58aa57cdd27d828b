# Copyright (c) mmteso contributors. All rights reserved.
"""ImageBindText against ImageBind's own code.

The package is not on PyPI under its name and needs packages of its own, so
these tests run only where somebody put it. What is compared needs no more
than its folder ``imagebind/`` (with an empty ``__init__.py``: the real one
imports its video and audio readers) on PYTHONPATH and ``pip install --no-deps
timm einops iopath portalocker``, where timm wants torchvision.
"""
import random

import pytest
import torch
from mmseg.utils.tokenizer import default_bpe

from mmteso.datasets.avsbench_meta import AVSBENCH_CLASSES
from mmteso.models.text_encoders import ImageBindText
from mmteso.models.text_encoders.imagebind_tokenizer import imagebind_tokenizer

pytest.importorskip('transformers', reason="needs pip install 'mmteso[text]'")
imagebind_model = pytest.importorskip(
    'imagebind.models.imagebind_model',
    reason='needs the package imagebind of '
    'https://github.com/facebookresearch/ImageBind; the first lines of this '
    'file say how little of it',
    exc_type=ImportError)

CUES = [
    *AVSBENCH_CLASSES[1:], 'a man who plays the ukulele on a small stage',
    'word ' * 90
]


def their_tokenizer():
    from imagebind.models.multimodal_preprocessors import SimpleTokenizer
    return SimpleTokenizer(bpe_path=default_bpe())


def their_features(model, cues):
    """As ImageBind's users do, but for a text that is too long.

    Versions before November 2025 cut off its end token.
    """
    tokenizer = their_tokenizer()
    tokens = torch.stack([tokenizer(f'This is a {cue}.') for cue in cues])
    longest = tokens[:, -1] > 0
    tokens[longest, -1] = tokenizer.encoder['<|endoftext|>']
    with torch.no_grad():
        return model({'text': tokens})['text']


def shake(model):
    """Give the text tower weights that are nowhere 0 or 1."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if '.text.' in name:
                parameter += 0.02 * torch.randn(
                    parameter.shape, generator=generator)
    return model.eval()


def compare(found, expected, what, atol):
    difference = (found - expected).abs().max().item()
    cosine = torch.cosine_similarity(found.double(), expected.double())
    print(f'\n{what}: largest difference {difference:.2g}, at vectors of '
          f'length {expected.norm(dim=1).mean():.4g}; cosine at least '
          f'1 - {1 - cosine.min():.2g}')
    assert difference < atol


def check(model, path, cues):
    torch.save(model.state_dict(), path)
    expected = their_features(
        model, [cue.replace('-', ' ').strip() for cue in cues])
    scale = expected.norm(dim=1).mean().item()
    theirs = ImageBindText(path, backend='imagebind')
    compare(theirs(cues), expected, 'imagebind', atol=1e-6 * scale)
    # in particular, the vectors are told apart
    assert torch.pdist(expected / scale).min() > 0.001
    del theirs
    unscaled = ImageBindText(path, backend='imagebind', scaled=False)(cues)
    ours = ImageBindText(path)
    compare(ours(cues), expected, 'transformers, scaled', atol=3e-6 * scale)
    # without the long one, so that the texts are cut to the longest
    compare(
        ours(cues[:-1]), expected[:-1], 'transformers, scaled, shorter texts',
        atol=3e-6 * scale)
    ours.scaled = False
    compare(ours(cues), unscaled, 'transformers', atol=3e-6)
    return ours


def test_ids():
    """Thousands of texts of all kinds of characters."""
    ours, theirs = imagebind_tokenizer(), their_tokenizer()
    generator = random.Random(0)
    characters = [
        *map(chr, range(32, 127)), *map(chr, range(32, 127)),
        *map(chr, range(0xa0, 0x250)), *map(chr, range(0x4e00, 0x4e40)),
        *map(chr, range(0x1f600, 0x1f620)), '\u3000', '\u200b', '\u0301',
        '\ufb01', '&amp;', '<|endoftext|>', '<start_of_text>', "'s"
    ]
    texts = [f'This is a {name}.' for name in AVSBENCH_CLASSES]
    texts += [
        ''.join(generator.choices(characters, k=generator.randrange(60)))
        for _ in range(5000)
    ]
    lengths = [len(theirs.encode(text)) for text in texts]
    for text, length, tokens in zip(texts, lengths, ours(texts)):
        # see their_features
        expected, end = theirs(text), 76 if length > 75 else 77
        assert torch.equal(tokens[:end], expected[:end]), text
        assert tokens[min(length + 1, 76)] == 49407
    assert sum(length > 75 for length in lengths) > 50


def test_small(tmp_path):
    torch.manual_seed(0)
    others = {
        f'{modality}_{size}': 8 if size == 'embed_dim' else 1
        for modality in ('vision', 'audio', 'depth', 'thermal', 'imu')
        for size in ('embed_dim', 'num_blocks', 'num_heads')
    }
    model = imagebind_model.ImageBindModel(
        out_embed_dim=48,
        text_embed_dim=128,
        text_num_blocks=3,
        text_num_heads=2,
        **others)
    encoder = check(shake(model), str(tmp_path / 'small.pth'), CUES)
    assert encoder.embed_dims == 48


@pytest.mark.slow
def test_full_size(tmp_path):
    """Random weights of imagebind_huge: 4.8 GB of disk, 12 GB of memory."""
    torch.manual_seed(0)
    model = shake(imagebind_model.imagebind_huge(pretrained=False))
    encoder = check(model, str(tmp_path / 'imagebind_huge.pth'), CUES[-16:])
    assert encoder.embed_dims == 1024 and encoder.num_heads == 16
    assert sum(p.numel() for p in encoder.parameters()) / 1e6 == pytest.approx(
        354, abs=1)
