# UPerNet on Swin-T, told what sounds.
_base_ = [
    '../_base_/heads/upernet.py',
    '../_base_/models/audio_text.py', '../_base_/datasets/avsbench_binary.py',
    '../_base_/schedules/fusion_60e.py', '../_base_/default_runtime.py'
]

checkpoint = 'https://download.openmmlab.com/mmsegmentation/v0.5/pretrain/swin/swin_tiny_patch4_window7_224_20220317-1cdeb081.pth'  # noqa: E501
in_channels = [96, 192, 384, 768]
model = dict(
    backbone=dict(
        type='SwinTransformer',
        pretrain_img_size=224,
        embed_dims=96,
        depths=[2, 2, 6, 2],
        num_heads=[3, 6, 12, 24],
        window_size=7,
        drop_path_rate=0.3,
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint)),
    fusion=dict(in_channels=in_channels),
    decode_head=dict(
        _base_.upernet_head,
        in_channels=in_channels,
        channels=512),
    auxiliary_head=dict(
        _base_.fcn_auxiliary_head,
        in_channels=in_channels[2],
        channels=256))
# batch normalisation can't do with one frame in the last batch
train_dataloader = dict(drop_last=True)
