# UPerNet on a narrow BEiT: a plain transformer has one resolution, of which
# Feature2Pyramid makes four before sound and text are told.
_base_ = [
    '../_base_/heads/upernet.py',
    '../_base_/models/audio_text_tiny.py', '../_base_/datasets/synthavs.py',
    '../_base_/schedules/synthavs_800it.py', '../_base_/default_runtime.py'
]

embed_dims = 128
in_channels = [embed_dims] * 4
model = dict(
    backbone=dict(
        type='BEiT',
        img_size=(96, 96),
        patch_size=8,
        embed_dims=embed_dims,
        num_layers=6,
        num_heads=4,
        mlp_ratio=4,
        out_indices=(2, 3, 4, 5),
        qv_bias=True,
        init_values=0.1,
        drop_path_rate=0.1),
    neck=dict(
        type='Feature2Pyramid',
        embed_dim=embed_dims,
        # of strides of 8: 4, 8, 16 and 32
        rescales=[2, 1, 0.5, 0.25],
        norm_cfg=dict(type='BN', requires_grad=True)),
    fusion=dict(in_channels=in_channels),
    decode_head=dict(
        _base_.upernet_head,
        in_channels=in_channels,
        pool_scales=(1, 2, 3),
        channels=64))
