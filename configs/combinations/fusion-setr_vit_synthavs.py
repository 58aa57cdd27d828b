# SETR with progressive upsampling on a narrow ViT with patches of 8 pixels,
# told what sounds.
_base_ = [
    '../_base_/models/audio_text_tiny.py', '../_base_/datasets/synthavs.py',
    '../_base_/schedules/synthavs_800it.py', '../_base_/default_runtime.py'
]

embed_dims = 128
norm_cfg = dict(type='BN', requires_grad=True)
head = dict(
    type='SETRUPHead',
    in_channels=embed_dims,
    channels=32,
    num_classes=2,
    dropout_ratio=0,
    norm_cfg=norm_cfg,
    kernel_size=3,
    align_corners=False)
model = dict(
    backbone=dict(
        type='VisionTransformer',
        img_size=(96, 96),
        patch_size=8,
        embed_dims=embed_dims,
        num_layers=6,
        num_heads=4,
        out_indices=(2, 5),
        drop_path_rate=0.1,
        norm_cfg=dict(type='LN', eps=1e-6),
        with_cls_token=True,
        interpolate_mode='bilinear'),
    fusion=dict(in_channels=[embed_dims] * 2),
    decode_head=dict(
        in_index=1,
        num_convs=2,
        up_scale=2,
        loss_decode=dict(type='CrossEntropyLoss', loss_weight=1.0),
        **head),
    auxiliary_head=dict(
        in_index=0,
        num_convs=1,
        up_scale=4,
        loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4),
        **head))
