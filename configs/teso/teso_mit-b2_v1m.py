_base_ = [
    '../_base_/models/teso_new-decoder.py',
    '../_base_/datasets/avsbench_binary.py',
    '../_base_/schedules/teso_60e_new-decoder.py',
    '../_base_/default_runtime.py'
]
# MiT-B2, SegFormer's backbone, trained on ImageNet-1k; OpenMMLab's file.
model = dict(
    backbone=dict(
        _delete_=True,
        type='MixVisionTransformer',
        embed_dims=64,
        num_layers=[3, 4, 6, 3],
        num_heads=[1, 2, 5, 8],
        qkv_bias=True,
        drop_path_rate=0.1,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://download.openmmlab.com/mmsegmentation/v0.5/pretrain/segformer/mit_b2_20220624-66e8bf70.pth'  # noqa: E501
        )),
    adapters=dict(kinds=('spatial_reduction', )),
    decode_head=dict(in_channels=[64, 128, 320, 512]))
