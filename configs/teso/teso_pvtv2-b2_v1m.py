_base_ = [
    '../_base_/models/teso_new-decoder.py',
    '../_base_/datasets/avsbench_binary.py',
    '../_base_/schedules/teso_60e_new-decoder.py',
    '../_base_/default_runtime.py'
]
# PVTv2-B2, trained on ImageNet-1k by its authors.
model = dict(
    backbone=dict(
        _delete_=True,
        type='mmdet.PyramidVisionTransformerV2',
        embed_dims=64,
        num_layers=[3, 4, 6, 3],
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://github.com/whai362/PVT/releases/download/v2/pvt_v2_b2.pth'  # noqa: E501
        )),
    adapters=dict(kinds=('spatial_reduction', )),
    decode_head=dict(in_channels=[64, 128, 320, 512]))
