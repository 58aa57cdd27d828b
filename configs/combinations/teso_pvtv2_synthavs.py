# TeSO on mmdet's PVTv2-B0: another backbone, nothing else changed.
_base_ = ['./teso_r18_synthavs-800it.py']

model = dict(
    backbone=dict(
        _delete_=True,
        type='mmdet.PyramidVisionTransformerV2',
        embed_dims=32,
        num_layers=[2, 2, 2, 2],
        num_heads=[1, 2, 5, 8],
        drop_path_rate=0.1),
    decode_head=dict(in_channels=[32, 64, 160, 256]))
