# SegFormer's head on mmdet's PVTv2-B0, told what sounds.
_base_ = ['./fusion-segformer_mit_synthavs.py']

model = dict(
    backbone=dict(
        _delete_=True,
        type='mmdet.PyramidVisionTransformerV2',
        embed_dims=32,
        num_layers=[2, 2, 2, 2],
        num_heads=[1, 2, 5, 8],
        drop_path_rate=0.1))
