# UPerNet on a narrow Swin, told what sounds.
_base_ = [
    '../_base_/heads/upernet.py',
    '../_base_/models/audio_text_tiny.py', '../_base_/datasets/synthavs.py',
    '../_base_/schedules/synthavs_800it.py', '../_base_/default_runtime.py'
]

in_channels = [32, 64, 128, 256]
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
        _base_.upernet_head,
        in_channels=in_channels,
        pool_scales=(1, 2, 3),
        channels=64),
    auxiliary_head=dict(
        _base_.fcn_auxiliary_head,
        in_channels=in_channels[2],
        channels=64))
