# UPerNet on a narrow Swin, told what sounds.
_base_ = [
    '../_base_/models/audio_text_tiny.py', '../_base_/datasets/synthavs.py',
    '../_base_/schedules/synthavs_800it.py', '../_base_/default_runtime.py'
]

in_channels = [32, 64, 128, 256]
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    backbone=dict(
        type='SwinTransformer',
        pretrain_img_size=96,
        embed_dims=32,
        depths=[2, 2, 2, 2],
        num_heads=[1, 2, 4, 8],
        window_size=6,
        drop_path_rate=0.1),
    fusion=dict(in_channels=in_channels),
    decode_head=dict(
        type='UPerHead',
        in_channels=in_channels,
        in_index=[0, 1, 2, 3],
        pool_scales=(1, 2, 3),
        channels=64,
        num_classes=2,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', loss_weight=1.0)),
    auxiliary_head=dict(
        type='FCNHead',
        in_channels=in_channels[2],
        in_index=2,
        channels=64,
        num_convs=1,
        concat_input=False,
        num_classes=2,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4)))
