# K-Net, whose kernels begin as a UPerNet, on a narrow ResNet-18, told what
# sounds.
_base_ = [
    '../_base_/heads/knet.py',
    '../_base_/models/audio_text_tiny.py', '../_base_/datasets/synthavs.py',
    '../_base_/schedules/synthavs_800it.py', '../_base_/default_runtime.py'
]

in_channels = [32, 64, 128, 256]
channels = 64
model = dict(
    backbone=dict(
        type='ResNetV1c',
        depth=18,
        stem_channels=32,
        base_channels=32,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        norm_cfg=dict(type='BN', requires_grad=True),
        style='pytorch'),
    fusion=dict(in_channels=in_channels),
    decode_head=dict(
        type='IterativeDecodeHead',
        num_stages=3,
        kernel_update_head=[
            dict(
                _base_.kernel_update_head,
                num_heads=4,
                feedforward_channels=256,
                in_channels=channels,
                out_channels=channels,
                kernel_updator_cfg=dict(
                    _base_.kernel_updator,
                    in_channels=channels,
                    feat_channels=channels,
                    out_channels=channels)) for _ in range(3)
        ],
        kernel_generate_head=dict(
            _base_.upernet_head,
            in_channels=in_channels,
            pool_scales=(1, 2, 3),
            channels=channels)))
