# A fully convolutional head with an auxiliary ASPP, on a narrow, dilated
# ResNet-18, told what sounds.
_base_ = [
    '../_base_/models/audio_text_tiny.py', '../_base_/datasets/synthavs.py',
    '../_base_/schedules/synthavs_800it.py', '../_base_/default_runtime.py'
]

in_channels = [32, 64, 128, 256]
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    backbone=dict(
        type='ResNetV1c',
        depth=18,
        stem_channels=32,
        base_channels=32,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        dilations=(1, 1, 2, 4),
        strides=(1, 2, 1, 1),
        norm_cfg=norm_cfg,
        style='pytorch'),
    # the levels that the heads read
    fusion=dict(in_channels=in_channels, levels=[2, 3]),
    decode_head=dict(
        type='FCNHead',
        in_channels=in_channels[3],
        in_index=3,
        channels=64,
        num_convs=2,
        num_classes=2,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', loss_weight=1.0)),
    auxiliary_head=dict(
        type='ASPPHead',
        in_channels=in_channels[2],
        in_index=2,
        channels=32,
        dilations=(1, 3, 6),
        num_classes=2,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4)))
