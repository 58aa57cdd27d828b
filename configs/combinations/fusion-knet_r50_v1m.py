# K-Net, whose kernels begin as a UPerNet, on ResNet-50, told what sounds.
_base_ = [
    '../_base_/heads/knet.py',
    '../_base_/models/audio_text.py', '../_base_/datasets/avsbench_binary.py',
    '../_base_/schedules/fusion_60e.py', '../_base_/default_runtime.py'
]

checkpoint = 'https://download.openmmlab.com/pretrain/third_party/resnet50_v1c-2cccc1ad.pth'  # noqa: E501
in_channels = [256, 512, 1024, 2048]
channels = 512
model = dict(
    backbone=dict(
        type='ResNetV1c',
        depth=50,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        norm_cfg=dict(type='BN', requires_grad=True),
        style='pytorch',
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint)),
    fusion=dict(in_channels=in_channels),
    decode_head=dict(
        type='IterativeDecodeHead',
        num_stages=3,
        kernel_update_head=[
            dict(
                _base_.kernel_update_head,
                num_heads=8,
                feedforward_channels=2048,
                in_channels=channels,
                out_channels=channels,
                kernel_updator_cfg=dict(
                    _base_.kernel_updator,
                    in_channels=256,
                    feat_channels=256,
                    out_channels=256)) for _ in range(3)
        ],
        kernel_generate_head=dict(
            _base_.upernet_head,
            in_channels=in_channels,
            channels=channels)))
# batch normalisation can't do with one frame in the last batch
train_dataloader = dict(drop_last=True)
# as mmseg trains this head
optim_wrapper = dict(
    optimizer=dict(lr=1e-4, weight_decay=0.0005),
    clip_grad=dict(max_norm=1.0))
