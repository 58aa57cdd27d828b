# Copyright (c) mmteso contributors. All rights reserved.
"""Narrow backbones of mmseg, mmdet, transformers and timm, for 64 pixels."""
from typing import NamedTuple, Tuple

SIZE = 64
CHANNELS, HEADS = (8, 16, 32, 64), (1, 2, 4, 8)


class Backbone(NamedTuple):
    """A backbone.

    Attributes:
        config (dict): Its config.
        adapters (dict): How many layers of which kind can be adapted.
        channels (tuple[int]): Of its maps.
    """
    config: dict
    adapters: dict
    channels: Tuple[int, ...] = CHANNELS

    @property
    def plain(self) -> bool:
        """Whether it gives one resolution, a stride of 8, four times."""
        return len(set(self.channels)) == 1


_SWIN = dict(pretrain_img_size=SIZE, embed_dims=8, depths=(2, 1, 1, 1),
             num_heads=HEADS, window_size=4)
_PVT = dict(embed_dims=8, num_heads=HEADS, num_layers=(1, 1, 2, 1))
_TWINS = dict(embed_dims=list(CHANNELS), num_heads=HEADS, depths=[1, 2, 2, 1],
              qkv_bias=True)
_VIT = dict(img_size=(SIZE, SIZE), patch_size=8, embed_dims=24, num_layers=4,
            num_heads=2, mlp_ratio=2, out_indices=(0, 1, 2, 3))
_DEPTHS = [1, 1, 2, 1]
_HF_PYRAMID = dict(hidden_sizes=list(CHANNELS), depths=_DEPTHS)
_HF_SWIN = dict(
    embed_dim=8, depths=_DEPTHS, num_heads=list(HEADS), window_size=4)
_HF_VIT = dict(hidden_size=24, num_hidden_layers=4, num_attention_heads=2,
               image_size=SIZE, patch_size=8)
#: Fields of transformers' models, by type.
HF = dict(
    convnext=_HF_PYRAMID, convnextv2=_HF_PYRAMID, dinov3_convnext=_HF_PYRAMID,
    resnet=dict(_HF_PYRAMID, embedding_size=8, layer_type='basic'),
    bit=dict(_HF_PYRAMID, embedding_size=8, num_groups=4), swin=_HF_SWIN,
    swinv2=_HF_SWIN, pvt_v2=dict(_HF_PYRAMID, num_attention_heads=list(HEADS)),
    dinov2=_HF_VIT, dinov2_with_registers=_HF_VIT,
    dinov3_vit=dict(_HF_VIT, intermediate_size=48),
    beit=dict(_HF_VIT, intermediate_size=48, use_relative_position_bias=True,
              layer_scale_init_value=0.5), vitdet=_HF_VIT)
_HF_ADAPTERS = dict(swin=dict(window=5), swinv2=dict(window=5),
                    pvt_v2=dict(spatial_reduction=5))
_TIMM = dict(embed_dims=CHANNELS, depths=(1, 1, 2, 1), num_heads=(1, 2, 2, 4))
# timm's Swin gives channels last, but not to this reader of features
_TIMM_SWIN = dict(img_size=SIZE, embed_dim=8, depths=(2, 1, 1, 1),
                  num_heads=(1, 2, 2, 4), window_size=2, feature_cls='getter')
_TIMM_VIT = dict(img_size=SIZE, embed_dim=16, depth=4, num_heads=2,
                 out_indices=(0, 1, 2, 3))
#: Arguments, adapters and channels of timm's models, by name.
TIMM = dict(
    # the stem counts
    resnet18=(dict(out_indices=(1, 2, 3, 4)), {}, (64, 128, 256, 512)),
    convnext_atto=(dict(dims=CHANNELS, depths=(1, 1, 2, 1)), {}),
    swin_tiny_patch4_window7_224=(_TIMM_SWIN, dict(window=5)),
    swinv2_tiny_window8_256=(_TIMM_SWIN, dict(window=5)),
    pvt_v2_b0=(_TIMM, dict(spatial_reduction=5)),
    twins_svt_small=(dict(_TIMM, depths=(2, 2, 2, 2)),
                     dict(window=4, spatial_reduction=4)),
    vit_tiny_patch16_224=(_TIMM_VIT, {'global': 4}, (16, ) * 4),
    deit_tiny_patch16_224=(_TIMM_VIT, {'global': 4}, (16, ) * 4),
    beit_base_patch16_224=(_TIMM_VIT, {'global': 4}, (16, ) * 4),
    eva02_tiny_patch14_224=(dict(_TIMM_VIT, patch_size=16), {'global': 4},
                            (16, ) * 4),
)
BACKBONES = dict(
    resnet=Backbone(
        dict(type='ResNetV1c', depth=18, stem_channels=8, base_channels=8),
        {}),
    swin=Backbone(dict(_SWIN, type='SwinTransformer'), dict(window=5)),
    mmdet_swin=Backbone(
        dict(_SWIN, type='mmdet.SwinTransformer'), dict(window=5)),
    mit=Backbone(
        dict(_PVT, type='MixVisionTransformer', mlp_ratio=2, qkv_bias=True),
        dict(spatial_reduction=5)),
    pvt=Backbone(
        dict(
            _PVT,
            type='mmdet.PyramidVisionTransformer',
            convert_weights=False), dict(spatial_reduction=5)),
    pvt_v2=Backbone(
        dict(
            _PVT,
            type='mmdet.PyramidVisionTransformerV2',
            convert_weights=False), dict(spatial_reduction=5)),
    pcpvt=Backbone(dict(_TWINS, type='PCPVT'), dict(spatial_reduction=6)),
    # every second block attends within windows
    svt=Backbone(
        dict(
            _TWINS,
            type='SVT',
            sr_ratios=[8, 4, 2, 1],
            mlp_ratios=[2] * 4,
            windiow_sizes=[2] * 4), dict(window=4, spatial_reduction=2)),
    vit=Backbone(
        dict(_VIT, type='VisionTransformer'), {'global': 4}, (24, ) * 4),
    beit=Backbone(dict(_VIT, type='BEiT'), {'global': 4}, (24, ) * 4),
    mae=Backbone(dict(_VIT, type='MAE'), {'global': 4}, (24, ) * 4),
    **{
        f'hf_{name}': Backbone(
            dict(type='TransformersBackbone', model_type=name, config=config),
            {'global': 4} if 'patch_size' in config else _HF_ADAPTERS.get(
                name, {}),
            (24, ) * 4 if 'patch_size' in config else CHANNELS)
        for name, config in HF.items()
    },
    **{
        # mmseg's default downloads
        f'timm_{name}': Backbone(
            dict(
                config, type='TIMMBackbone', model_name=name,
                pretrained=False), *others)
        for name, (config, *others) in TIMM.items()
    })
