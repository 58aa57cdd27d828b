# Copyright (c) mmteso contributors. All rights reserved.
"""Each kind of attention, in the backbones that have it."""
import pytest
import torch
from adapter_checks import build, check, maps, same, shake
from tiny_sam import IMG_SIZE, write_sam
from torch import nn

from mmteso.models.adapters import BottleneckAdapter
from mmteso.models.sam import read_sam_folder

SIZE = 64
HEADS = (1, 2, 2, 4)
SWIN = dict(
    embed_dims=8, depths=(2, 1, 1, 1), num_heads=HEADS, window_size=2)
PVT = dict(embed_dims=8, num_heads=HEADS, num_layers=(1, 1, 2, 1))
TWINS = dict(
    embed_dims=[8, 16, 32, 64], num_heads=HEADS, depths=[1, 2, 2, 1])
VIT = dict(img_size=SIZE, embed_dims=16, num_layers=3, num_heads=2,
           out_indices=(0, 1, 2))  # yapf: disable
HF = dict(type='TransformersBackbone')
HF_VIT = dict(
    hidden_size=16, num_hidden_layers=3, num_attention_heads=2,
    image_size=SIZE, patch_size=16)  # yapf: disable
HF_SWIN = dict(
    embed_dim=8, depths=[2, 1, 1, 1], num_heads=list(HEADS), window_size=2)
# name: config, how many layers of which kind
BACKBONES = dict(
    swin=(dict(SWIN, type='SwinTransformer'), dict(window=5)),
    mmdet_swin=(dict(SWIN, type='mmdet.SwinTransformer'), dict(window=5)),
    mit=(dict(PVT, type='MixVisionTransformer', mlp_ratio=2),
         dict(spatial_reduction=5)),
    pvt=(dict(PVT, type='mmdet.PyramidVisionTransformer',
              convert_weights=False),
         dict(spatial_reduction=5)),
    pvt_v2=(dict(PVT, type='mmdet.PyramidVisionTransformerV2',
                 convert_weights=False),
            dict(spatial_reduction=5)),
    pcpvt=(dict(TWINS, type='PCPVT', qkv_bias=True),
           dict(spatial_reduction=6)),
    # every second block attends within windows
    svt=(dict(TWINS, type='SVT', qkv_bias=True, sr_ratios=[8, 4, 2, 1],
              mlp_ratios=[2] * 4, windiow_sizes=[2] * 4),
         dict(window=4, spatial_reduction=2)),
    vit=(dict(VIT, type='VisionTransformer'), {'global': 3}),
    beit=(dict(VIT, type='BEiT'), {'global': 3}),
    mae=(dict(VIT, type='MAE'), {'global': 3}),
    hf_swin=(dict(HF, model_type='swin', config=HF_SWIN), dict(window=5)),
    hf_swinv2=(dict(HF, model_type='swinv2', config=HF_SWIN),
               dict(window=5)),
    hf_pvt_v2=(dict(HF, model_type='pvt_v2',
                    config=dict(hidden_sizes=[8, 16, 32, 64],
                                depths=[1, 1, 2, 1],
                                num_attention_heads=list(HEADS))),
               dict(spatial_reduction=5)),
    **{
        f'hf_{name}': (dict(
            HF, model_type=name, config=config, out_indices=(0, 1, 2)),
            {'global': 3})
        for name, config in dict(
            beit=dict(HF_VIT, use_relative_position_bias=True),
            dinov2=HF_VIT,
            dinov2_with_registers=HF_VIT,
            dinov3_vit=HF_VIT,
            vitdet=HF_VIT).items()
    })  # yapf: disable


def backbone(name):
    config, counts = BACKBONES[name]
    if config['type'] == 'TransformersBackbone':
        transformers = pytest.importorskip('transformers')
        if name == 'hf_dinov3_vit' \
                and 'dinov3_vit' not in transformers.CONFIG_MAPPING:
            pytest.skip('transformers has no dinov3_vit yet')
    network = build(config)
    network.init_weights()
    return network, counts


@pytest.mark.parametrize('name', BACKBONES)
def test_backbones(name):
    network, counts = backbone(name)
    check(network, torch.randn(2, 3, SIZE, SIZE), counts)


def test_sam(tmp_path):
    """transformers' own model, encoder and mask decoder."""
    pytest.importorskip('transformers')
    model = read_sam_folder(write_sam(tmp_path))
    # what no mask depends on has no gradient either
    model.mask_decoder.iou_prediction_head.requires_grad_(False)
    check(
        model, torch.randn(2, 3, IMG_SIZE, IMG_SIZE),
        dict(sam=3, sam_cross=5),
        lambda sam, images: [sam(pixel_values=images).pred_masks])


@pytest.mark.parametrize('name', ['swin', 'mmdet_swin', 'vit', 'hf_dinov2'])
def test_init_weights_of_a_segmentor(name, tmp_path):
    """It reads the weights and leaves fresh adapters identities."""
    stock, counts = backbone(name)
    shake(stock)
    config = dict(
        type='AudioTextSegmentor',
        backbone=dict(BACKBONES[name][0]),
        decode_head=dict(
            type='FCNHead',
            in_channels=1,
            in_index=0,
            channels=8,
            num_classes=2,
            num_convs=0,
            kernel_size=1,
            concat_input=False),
        adapters=dict(kinds=tuple(counts)))
    images = torch.randn(2, 3, SIZE, SIZE)
    stock.eval()  # of some it returns nothing
    expected = maps(stock, images)
    config['decode_head'].update(
        in_channels=expected[0].shape[1], channels=expected[0].shape[1])
    for weights in (True, False):
        init_cfg = None
        if weights and name.startswith('hf_'):
            stock.model.save_pretrained(tmp_path)
            init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path))
        elif weights:
            # as OpenMMLab's files have it; mmdet's Swin demands it
            prefix = 'backbone.' if 'swin' in name else ''
            torch.save({
                prefix + key: value
                for key, value in stock.state_dict().items()
            }, tmp_path / 'stock.pth')
            init_cfg = dict(
                type='Pretrained', checkpoint=str(tmp_path / 'stock.pth'))
        config['backbone']['init_cfg'] = init_cfg
        model = build(config)
        model.init_weights()
        adapters = [
            m for m in model.modules() if isinstance(m, BottleneckAdapter)
        ]
        assert len(adapters) == sum(counts.values())
        for adapter in adapters:
            assert not adapter.up.weight.any() and not adapter.up.bias.any()
            assert adapter.down.weight.std() > 0.05  # Xavier's
        model.eval()
        if weights:
            assert same(maps(model.backbone, images), expected)
        # what one learns, a second call keeps
        nn.init.ones_(adapters[0].up.bias)
        model.init_weights()
        assert adapters[0].up.bias.all()
