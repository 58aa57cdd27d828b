# MaskFormer on ResNet-50, told what sounds.
_base_ = [
    '../_base_/heads/maskformer.py',
    '../_base_/models/audio_text.py', '../_base_/datasets/avsbench_binary.py',
    '../_base_/schedules/fusion_60e.py', '../_base_/default_runtime.py'
]

checkpoint = 'https://download.openmmlab.com/pretrain/third_party/resnet50_v1c-2cccc1ad.pth'  # noqa: E501
in_channels = [256, 512, 1024, 2048]
channels = 256
attention = dict(
    embed_dims=channels,
    num_heads=8,
    attn_drop=0.1,
    proj_drop=0.1,
    dropout_layer=None,
    batch_first=True)
model = dict(
    backbone=dict(
        type='ResNetV1c',
        depth=50,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        norm_cfg=dict(type='BN', requires_grad=True),
        style='pytorch',
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint)),
    fusion=dict(in_channels=in_channels),
    decode_head=dict(
        _base_.maskformer_head,
        in_channels=in_channels,
        feat_channels=channels,
        out_channels=channels,
        num_queries=100,
        pixel_decoder=dict(
            type='mmdet.PixelDecoder',
            norm_cfg=dict(type='GN', num_groups=32),
            act_cfg=dict(type='ReLU')),
        positional_encoding=dict(num_feats=channels // 2, normalize=True),
        transformer_decoder=dict(
            return_intermediate=True,
            num_layers=6,
            layer_cfg=dict(
                self_attn_cfg=attention,
                cross_attn_cfg=attention,
                ffn_cfg=dict(
                    embed_dims=channels,
                    feedforward_channels=2048,
                    num_fcs=2,
                    act_cfg=dict(type='ReLU'),
                    ffn_drop=0.1,
                    dropout_layer=None,
                    add_identity=True)),
            init_cfg=None)))
# batch normalisation can't do with one frame in the last batch
train_dataloader = dict(drop_last=True)
# as mmseg trains this head
optim_wrapper = dict(
    optimizer=dict(lr=1e-4, weight_decay=0.0001),
    clip_grad=dict(max_norm=0.01))
