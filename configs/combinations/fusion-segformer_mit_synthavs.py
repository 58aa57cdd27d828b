# SegFormer on a MiT-B0, told what sounds.
_base_ = [
    '../_base_/heads/segformer.py',
    '../_base_/models/audio_text_tiny.py', '../_base_/datasets/synthavs.py',
    '../_base_/schedules/synthavs_800it.py', '../_base_/default_runtime.py'
]

in_channels = [32, 64, 160, 256]
model = dict(
    backbone=dict(
        type='MixVisionTransformer',
        embed_dims=32,
        num_stages=4,
        num_layers=[2, 2, 2, 2],
        num_heads=[1, 2, 5, 8],
        patch_sizes=[7, 3, 3, 3],
        sr_ratios=[8, 4, 2, 1],
        out_indices=(0, 1, 2, 3),
        qkv_bias=True,
        drop_path_rate=0.1),
    fusion=dict(in_channels=in_channels),
    decode_head=dict(
        _base_.segformer_head, in_channels=in_channels, channels=64))
