_base_ = ['./_base_/avsegformer.py']

model = dict(
    backbone=dict(
        type='mmdet.PyramidVisionTransformerV2',
        embed_dims=64,
        num_layers=[3, 6, 40, 3],
        mlp_ratios=(4, 4, 4, 4),
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://github.com/whai362/PVT/releases/download/v2/pvt_v2_b5.pth'  # noqa: E501
        )),
    decode_head=dict(in_channels=[64, 128, 320, 512]))
