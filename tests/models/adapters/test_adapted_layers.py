# Copyright (c) mmteso contributors. All rights reserved.
"""Each kind of attention, in the backbones and heads that have it."""
import pytest
import torch
from backbones import BACKBONES, SIZE
from combinations import pair_model
from mmseg.structures import SegDataSample
from narrow import adapters_of, build
from tiny_mask2former import shake
from tiny_sam import IMG_SIZE
from torch import nn

from mmteso.models.adapters import inject_adapters
from mmteso.models.adapters.injection import find_attention
from mmteso.models.sam import read_sam_folder

MHA = dict(embed_dims=64, num_heads=4, batch_first=True)
# how many layers of which kind
HEADS = dict(maskformer=dict(pixel_self=2, cross=3, self=3), knet=dict(self=3),
             segmenter=dict(self=2))


def backbone(name):
    config, counts, _ = BACKBONES[name]
    if config['type'] == 'TransformersBackbone':
        transformers = pytest.importorskip('transformers')
        if config['model_type'] not in transformers.CONFIG_MAPPING:
            pytest.skip(f'transformers has no {name} yet')
    if config['type'] == 'TIMMBackbone':
        pytest.importorskip('timm', exc_type=ImportError)
    return build(config), counts


def maps(network, images):
    outputs = network(images)
    if isinstance(outputs, torch.Tensor):
        return [outputs]
    return [m for part in outputs for m in
            (part if isinstance(part, (list, tuple)) else [part])]


def same(some, others):
    return all(torch.equal(a, b) for a, b in zip(some, others))


def check(network, images, counts, forward=maps):
    """What must hold for the adapters of any network."""
    # a random attention is all but uniform, its layer scale all but zero
    shake(network, scale=0.2)
    network.eval()
    layers, others = find_attention(network)
    assert {kind: len(places) for kind, places in layers.items()} == counts
    assert others == []
    state = {k: v.clone() for k, v in network.state_dict().items()}
    slow = forward(network, images)
    with torch.no_grad():  # torch has fused functions for this
        fast = forward(network, images)

    adapters = inject_adapters(network, tuple(counts))
    assert len(adapters) == sum(counts.values())
    adapted = network.state_dict()
    added = set(adapted) - set(state)
    assert not set(state) - set(adapted)
    assert len(added) == 4 * len(adapters)
    assert all('.adapter.' in key for key in added)
    keys = network.load_state_dict(state, strict=False)
    assert not keys.unexpected_keys and set(keys.missing_keys) == added

    # identities at first, to the last bit
    assert same(forward(network, images), slow)
    with torch.no_grad():
        assert same(forward(network, images), fast)
        # each has a say
        for adapter in adapters:
            nn.init.normal_(adapter.up.bias)
            assert not same(forward(network, images), fast)
            nn.init.zeros_(adapter.up.bias)
        assert same(forward(network, images), fast)

    # and learns, alone, in training mode too
    network.requires_grad_(False)
    for adapter in adapters:
        adapter.requires_grad_(True)
        nn.init.normal_(adapter.up.weight, std=0.1)
        nn.init.ones_(adapter.down.bias)  # in the ReLU's open half
    for mode in (False, True):
        network.train(mode)
        network.zero_grad()
        sum(m.square().sum() for m in forward(network, images)).backward()
        for name, parameter in network.named_parameters():
            assert (parameter.grad is not None) == ('.adapter.' in name), name
        for adapter in adapters:
            assert adapter.up.weight.grad.any()
            assert adapter.down.weight.grad.any()


@pytest.mark.parametrize('name', BACKBONES)
def test_backbones(name):
    network, counts = backbone(name)
    images = torch.randn(2, 3, SIZE, SIZE)
    found = tuple(level.shape[1] for level in network(images))
    assert found == BACKBONES[name].channels
    if counts:
        check(network, images, counts)
    else:
        with pytest.raises(ValueError, match='no attention layer of kind'):
            inject_adapters(network, ['window'])


def test_sam(request):
    """transformers' own model, encoder and mask decoder."""
    pytest.importorskip('transformers')
    model = read_sam_folder(request.getfixturevalue('sam_folder'))
    # what no mask depends on has no gradient either
    model.mask_decoder.iou_prediction_head.requires_grad_(False)
    check(model, torch.randn(2, 3, IMG_SIZE, IMG_SIZE),
          dict(sam=3, sam_cross=5),
          lambda sam, images: [sam(pixel_values=images).pred_masks])


def head_outputs(head, levels):
    if type(head).__name__ != 'MaskFormerHead':
        return maps(head, levels)
    shape = dict(img_shape=(64, 64), batch_input_shape=(64, 64))
    samples = [SegDataSample(metainfo=shape) for _ in range(2)]
    return list(head(levels, samples))


@pytest.mark.parametrize('name', HEADS)
def test_heads(name):
    model = pair_model(name, 'vit' if name == 'segmenter' else 'swin')
    if name == 'maskformer':
        model.decode_head.pixel_decoder = dict(
            type='mmdet.TransformerEncoderPixelDecoder',
            norm_cfg=dict(type='GN', num_groups=2),
            encoder=dict(
                num_layers=2, layer_cfg=dict(
                    self_attn_cfg=MHA,
                    ffn_cfg=dict(embed_dims=64, feedforward_channels=64))),
            positional_encoding=dict(num_feats=32, normalize=True))
    with torch.no_grad():
        levels = build(model.backbone)(torch.randn(2, 3, SIZE, SIZE))
    check(build(model.decode_head), levels, HEADS[name], head_outputs)


@pytest.mark.parametrize('name', ['swin', 'mmdet_swin', 'vit', 'hf_dinov2'])
def test_init_weights_of_a_segmentor(name, tmp_path):
    """It reads the weights and leaves fresh adapters identities."""
    stock, counts = backbone(name)
    shake(stock, scale=0.2)
    images = torch.randn(2, 3, SIZE, SIZE)
    stock.eval()  # of some it returns nothing
    expected = maps(stock, images)
    if name.startswith('hf_'):
        stock.model.save_pretrained(tmp_path)
        path = str(tmp_path)
    else:
        # as OpenMMLab's files have it; mmdet's Swin demands it
        prefix = 'backbone.' if 'swin' in name else ''
        path = str(tmp_path / 'stock.pth')
        torch.save({prefix + key: value
                    for key, value in stock.state_dict().items()}, path)
    for init_cfg in (dict(type='Pretrained', checkpoint=path), None):
        model = build(
            dict(type='AudioTextSegmentor',
                 backbone=dict(BACKBONES[name].config, init_cfg=init_cfg),
                 decode_head=dict(type='FCNHead', channels=8, num_classes=2,
                                  in_channels=expected[0].shape[1],
                                  in_index=0),
                 adapters=dict(kinds=tuple(counts))))
        adapters = list(adapters_of(model).values())
        assert len(adapters) == sum(counts.values())
        for adapter in adapters:
            assert not adapter.up.weight.any() and not adapter.up.bias.any()
            assert adapter.down.weight.std() > 0.05  # Xavier's
        model.eval()
        if init_cfg:
            assert same(maps(model.backbone, images), expected)
        # what one learns, a second call keeps
        nn.init.ones_(adapters[0].up.bias)
        model.init_weights()
        assert adapters[0].up.bias.all()
