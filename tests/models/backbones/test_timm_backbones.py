# Copyright (c) mmteso contributors. All rights reserved.
"""mmseg's TIMMBackbone under sound and text, where timm can be imported."""
import copy

import pytest
import torch
from adapter_checks import build, check
from narrow import fusion_parts, make_batch

from mmteso.models import inject_adapters
from mmteso.models.adapters.injection import find_attention

pytest.importorskip('timm', exc_type=ImportError)

SIZE = 64
# timm's Swin gives channels last, but not to this reader of features
SWIN = dict(
    img_size=SIZE,
    embed_dim=8,
    depths=(2, 1, 1, 1),
    num_heads=(1, 2, 2, 4),
    feature_cls='getter')
VIT = dict(
    img_size=SIZE, embed_dim=16, depth=4, num_heads=2,
    out_indices=(0, 1, 2, 3))  # yapf: disable
PYRAMID = (8, 16, 32, 64)
WIDTHS = dict(embed_dims=PYRAMID, depths=(1, 1, 2, 1), num_heads=(1, 2, 2, 4))
# name: arguments, channels, adaptable layers
MODELS = dict(
    # the stem counts
    resnet18=(dict(out_indices=(1, 2, 3, 4)), (64, 128, 256, 512), {}),
    convnext_atto=(dict(dims=PYRAMID, depths=(1, 1, 2, 1)), PYRAMID, {}),
    swin_tiny_patch4_window7_224=(dict(SWIN, window_size=2), PYRAMID,
                                  dict(window=5)),
    swinv2_tiny_window8_256=(dict(SWIN, window_size=2), PYRAMID,
                             dict(window=5)),
    pvt_v2_b0=(WIDTHS, PYRAMID, dict(spatial_reduction=5)),
    twins_svt_small=(dict(WIDTHS, depths=(2, 2, 2, 2)), PYRAMID,
                     dict(window=4, spatial_reduction=4)),
    vit_tiny_patch16_224=(VIT, (16, ) * 4, {'global': 4}),
    deit_tiny_patch16_224=(VIT, (16, ) * 4, {'global': 4}),
    beit_base_patch16_224=(VIT, (16, ) * 4, {'global': 4}),
    eva02_tiny_patch14_224=(dict(VIT, patch_size=16), (16, ) * 4,
                            {'global': 4}),
)  # yapf: disable


def config_of(name):
    # mmseg's default downloads
    return dict(
        MODELS[name][0],
        type='TIMMBackbone',
        model_name=name,
        pretrained=False)


@pytest.mark.parametrize('name', MODELS)
def test_maps_and_adapters(name):
    _, channels, counts = MODELS[name]
    backbone = build(config_of(name))
    backbone.init_weights()
    images = torch.randn(2, 3, SIZE, SIZE)
    maps = backbone(images)
    assert tuple(m.shape[1] for m in maps) == channels
    sizes = [m.shape[2] for m in maps]
    assert sizes == ([16, 8, 4, 2] if channels != (16, ) * 4 else [4] * 4)
    assert find_attention(backbone)[1] == []
    if counts:
        check(backbone, images, counts)
    else:
        with pytest.raises(ValueError, match='no attention layer of kind'):
            inject_adapters(backbone, ['window'])


@pytest.mark.parametrize('name', MODELS)
def test_fusion(name):
    """A step of training, then predictions under two sounds."""
    _, channels, counts = MODELS[name]
    model = build(
        dict(
            fusion_parts(channels),
            backbone=config_of(name),
            decode_head=dict(
                type='UPerHead',
                pool_scales=(1, 2),
                in_channels=list(channels),
                in_index=[0, 1, 2, 3],
                channels=8,
                num_classes=2),
            adapters=dict(kinds=tuple(counts)) if counts else None,
            train_cfg=dict(),
            test_cfg=dict(mode='whole')))
    model.init_weights()
    batch = make_batch()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    losses = model.train().loss(**copy.deepcopy(batch))
    sum(loss for name, loss in losses.items() if 'loss' in name).backward()
    assert any(p.grad.abs().max() > 0 for p in model.backbone.parameters()
               if p.grad is not None)
    optimizer.step()
    model.eval()
    other = copy.deepcopy(batch)
    other['inputs']['log_mel'] += 1
    one, two = (model.predict(**b)[0].seg_logits.data for b in (batch, other))
    assert one.isfinite().all() and not torch.equal(one, two)
