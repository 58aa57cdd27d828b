# MaskFormer on a narrow ResNet-18, told what sounds.
_base_ = [
    '../_base_/heads/maskformer.py',
    '../_base_/models/audio_text_tiny.py', '../_base_/datasets/synthavs.py',
    '../_base_/schedules/synthavs_800it.py', '../_base_/default_runtime.py'
]

in_channels = [32, 64, 128, 256]
channels = 64
attention = dict(
    embed_dims=channels,
    num_heads=4,
    attn_drop=0.1,
    proj_drop=0.1,
    dropout_layer=None,
    batch_first=True)
model = dict(
    backbone=dict(
        type='ResNet',
        depth=18,
        stem_channels=32,
        base_channels=32,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        norm_cfg=dict(type='BN', requires_grad=True),
        style='pytorch'),
    fusion=dict(in_channels=in_channels),
    decode_head=dict(
        _base_.maskformer_head,
        in_channels=in_channels,
        feat_channels=channels,
        out_channels=channels,
        num_queries=16,
        pixel_decoder=dict(
            type='mmdet.PixelDecoder',
            norm_cfg=dict(type='GN', num_groups=8),
            act_cfg=dict(type='ReLU')),
        positional_encoding=dict(num_feats=channels // 2, normalize=True),
        transformer_decoder=dict(
            return_intermediate=True,
            num_layers=3,
            layer_cfg=dict(
                self_attn_cfg=attention,
                cross_attn_cfg=attention,
                ffn_cfg=dict(
                    embed_dims=channels,
                    feedforward_channels=256,
                    num_fcs=2,
                    act_cfg=dict(type='ReLU'),
                    ffn_drop=0.1,
                    dropout_layer=None,
                    add_identity=True)),
            init_cfg=None)))
