# Segmenter on a narrow ViT with patches of 8 pixels, told what sounds.
_base_ = [
    '../_base_/heads/segmenter.py',
    '../_base_/models/audio_text_tiny.py', '../_base_/datasets/synthavs.py',
    '../_base_/schedules/synthavs_800it.py', '../_base_/default_runtime.py'
]

embed_dims = 128
model = dict(
    backbone=dict(
        type='VisionTransformer',
        img_size=(96, 96),
        patch_size=8,
        embed_dims=embed_dims,
        num_layers=6,
        num_heads=4,
        drop_path_rate=0.1,
        final_norm=True,
        norm_cfg=dict(type='LN', eps=1e-6),
        with_cls_token=True,
        interpolate_mode='bicubic'),
    fusion=dict(in_channels=[embed_dims]),
    decode_head=dict(
        _base_.segmenter_head,
        in_channels=embed_dims,
        channels=embed_dims,
        embed_dims=embed_dims,
        num_heads=4))
