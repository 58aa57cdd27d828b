# Copyright (c) mmteso contributors. All rights reserved.

import pytest
import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from tiny_sam import IMG_SIZE, VISION, WIDTH
from torch import nn

from mmteso.models import inject_adapters
from mmteso.models.sam import read_sam_folder

pytest.importorskip('transformers', reason="needs pip install 'mmteso[text]'")


def build(folder=None, **kwargs):
    if folder is not None:
        kwargs.update(init_cfg=dict(type='Pretrained', checkpoint=folder))
    torch.manual_seed(0)
    settings = dict(img_size=IMG_SIZE, vision_config=VISION)
    return MODELS.build(dict(dict(settings, type='SAMImageEncoder'), **kwargs))


def images(size=IMG_SIZE):
    rng = torch.Generator().manual_seed(0)
    return torch.randn(2, 3, size, size, generator=rng)


@pytest.mark.parametrize('size', [IMG_SIZE, 96])
@torch.no_grad()
def test_equals_transformers(sam_folder, size):
    """At another size than the weights', too."""
    encoder = build(sam_folder, img_size=size).eval()
    assert not encoder.is_init  # weights are read when training starts
    encoder.init_weights()
    assert encoder.out_channels == WIDTH
    feature, = encoder(images(size))
    assert feature.shape == (2, WIDTH, size // 8, size // 8)

    stock = read_sam_folder(sam_folder).vision_encoder.eval()
    stock.pos_embed.data = F.interpolate(stock.pos_embed.permute(0, 3, 1, 2),
                                         size=(size // 8, size // 8),
                                         mode='bicubic').permute(0, 2, 3, 1)
    # SAM's own attention resizes its relative positions to an image of
    # another size
    stock.patch_embed.image_size = (size, size)
    torch.testing.assert_close(
        feature, stock(images(size))[0], atol=1e-5, rtol=1e-5)


def test_with_cp_has_the_same_gradients():
    gradients = []
    for with_cp in (False, True):
        encoder = build(with_cp=with_cp).requires_grad_(False)
        for adapter in inject_adapters(encoder, ['sam']):
            nn.init.constant_(adapter.up.weight, 0.01)
        encoder.eval()  # as where it is frozen
        calls = []
        encoder.vision_encoder.layers[2].register_forward_pre_hook(
            lambda *_: calls.append(1))
        encoder(images())[0].square().sum().backward()
        assert len(calls) == (2 if with_cp else 1)
        gradients.append(
            [p.grad for p in encoder.parameters() if p.requires_grad])
    assert len(gradients[0]) == 3 * 4
    for plain, recomputed in zip(*gradients):
        torch.testing.assert_close(recomputed, plain)


def test_weights_of_another_network(sam_folder):
    encoder = build(
        sam_folder, vision_config=dict(VISION, num_attention_heads=4))
    with pytest.raises(ValueError, match=r"'num_attention_heads': \(4, 2\)"):
        encoder.init_weights()


@pytest.mark.parametrize('arguments, message', [
    (dict(img_size=60), 'multiple of .* 8, but got 60'),
    (dict(vision_config=dict(image_size=64)), 'is img_size'),
    (dict(vision_config=dict(depth=2)), r"no fields \['depth'\]"),
    (dict(init_cfg=dict(type='Normal')), 'type Pretrained'),
])
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        build(**arguments)
