_base_ = ['./teso_pvtv2-b2_v1m.py']
model = dict(
    backbone=dict(
        num_layers=[3, 6, 40, 3],
        mlp_ratios=(4, 4, 4, 4),
        init_cfg=dict(
            checkpoint='https://github.com/whai362/PVT/releases/download/v2/pvt_v2_b5.pth'  # noqa: E501
        )))
