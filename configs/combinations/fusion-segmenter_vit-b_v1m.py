# Segmenter on ViT-B/16, told what sounds.
_base_ = [
    '../_base_/heads/segmenter.py',
    '../_base_/models/audio_text.py', '../_base_/datasets/avsbench_binary.py',
    '../_base_/schedules/fusion_60e.py', '../_base_/default_runtime.py'
]

checkpoint = 'https://download.openmmlab.com/mmsegmentation/v0.5/pretrain/segmenter/vit_base_p16_384_20220308-96dfe169.pth'  # noqa: E501
embed_dims = 768
# of these weights
data_preprocessor = dict(mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5])
model = dict(
    data_preprocessor=data_preprocessor,
    backbone=dict(
        type='VisionTransformer',
        img_size=(384, 384),
        patch_size=16,
        embed_dims=embed_dims,
        num_layers=12,
        num_heads=12,
        drop_path_rate=0.1,
        final_norm=True,
        norm_cfg=dict(type='LN', eps=1e-6),
        with_cls_token=True,
        interpolate_mode='bicubic',
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint)),
    fusion=dict(in_channels=[embed_dims]),
    decode_head=dict(
        _base_.segmenter_head,
        in_channels=embed_dims,
        channels=embed_dims,
        embed_dims=embed_dims,
        num_heads=12))
# batch normalisation can't do with one frame in the last batch
train_dataloader = dict(drop_last=True)
