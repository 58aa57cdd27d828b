# A fully convolutional head with an auxiliary ASPP, on a dilated ResNet-50,
# told what sounds.
_base_ = [
    '../_base_/models/audio_text.py', '../_base_/datasets/avsbench_binary.py',
    '../_base_/schedules/fusion_60e.py', '../_base_/default_runtime.py'
]

checkpoint = 'https://download.openmmlab.com/pretrain/third_party/resnet50_v1c-2cccc1ad.pth'  # noqa: E501
in_channels = [256, 512, 1024, 2048]
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    backbone=dict(
        type='ResNetV1c',
        depth=50,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        dilations=(1, 1, 2, 4),
        strides=(1, 2, 1, 1),
        contract_dilation=True,
        norm_cfg=norm_cfg,
        style='pytorch',
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint)),
    # the levels that the heads read
    fusion=dict(in_channels=in_channels, levels=[2, 3]),
    decode_head=dict(
        type='FCNHead',
        in_channels=in_channels[3],
        in_index=3,
        channels=512,
        num_convs=2,
        num_classes=2,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', loss_weight=1.0)),
    auxiliary_head=dict(
        type='ASPPHead',
        in_channels=in_channels[2],
        in_index=2,
        channels=256,
        dilations=(1, 12, 24, 36),
        num_classes=2,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4)))
# batch normalisation can't do with one frame in the last batch
train_dataloader = dict(drop_last=True)
