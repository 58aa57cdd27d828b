# SegFormer-B2, told what sounds.
_base_ = [
    '../_base_/heads/segformer.py',
    '../_base_/models/audio_text.py', '../_base_/datasets/avsbench_binary.py',
    '../_base_/schedules/fusion_60e.py', '../_base_/default_runtime.py'
]

checkpoint = 'https://download.openmmlab.com/mmsegmentation/v0.5/pretrain/segformer/mit_b2_20220624-66e8bf70.pth'  # noqa: E501
in_channels = [64, 128, 320, 512]
model = dict(
    backbone=dict(
        type='MixVisionTransformer',
        embed_dims=64,
        num_stages=4,
        num_layers=[3, 4, 6, 3],
        num_heads=[1, 2, 5, 8],
        patch_sizes=[7, 3, 3, 3],
        sr_ratios=[8, 4, 2, 1],
        out_indices=(0, 1, 2, 3),
        qkv_bias=True,
        drop_path_rate=0.1,
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint)),
    fusion=dict(in_channels=in_channels),
    decode_head=dict(
        _base_.segformer_head, in_channels=in_channels, channels=256))
# batch normalisation can't do with one frame in the last batch
train_dataloader = dict(drop_last=True)
