# MaskFormer on ResNet-50, told what sounds.
_base_ = [
    '../_base_/models/audio_text.py', '../_base_/datasets/avsbench_binary.py',
    '../_base_/schedules/fusion_60e.py', '../_base_/default_runtime.py'
]

checkpoint = 'https://download.openmmlab.com/pretrain/third_party/resnet50_v1c-2cccc1ad.pth'  # noqa: E501
in_channels = [256, 512, 1024, 2048]
channels = 256
num_classes = 2
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
        type='MaskFormerHead',
        in_channels=in_channels,
        feat_channels=channels,
        in_index=[0, 1, 2, 3],
        num_classes=num_classes,
        out_channels=channels,
        num_queries=100,
        pixel_decoder=dict(
            type='mmdet.PixelDecoder',
            norm_cfg=dict(type='GN', num_groups=32),
            act_cfg=dict(type='ReLU')),
        enforce_decoder_input_project=False,
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
                    act_cfg=dict(type='ReLU', inplace=True),
                    ffn_drop=0.1,
                    dropout_layer=None,
                    add_identity=True)),
            init_cfg=None),
        loss_cls=dict(
            type='mmdet.CrossEntropyLoss',
            use_sigmoid=False,
            loss_weight=1.0,
            reduction='mean',
            class_weight=[1.0] * num_classes + [0.1]),
        loss_mask=dict(
            type='mmdet.FocalLoss',
            use_sigmoid=True,
            gamma=2.0,
            alpha=0.25,
            reduction='mean',
            loss_weight=20.0),
        loss_dice=dict(
            type='mmdet.DiceLoss',
            use_sigmoid=True,
            activate=True,
            reduction='mean',
            naive_dice=True,
            eps=1.0,
            loss_weight=1.0),
        train_cfg=dict(
            assigner=dict(
                type='mmdet.HungarianAssigner',
                match_costs=[
                    dict(type='mmdet.ClassificationCost', weight=1.0),
                    dict(
                        type='mmdet.FocalLossCost',
                        weight=20.0,
                        binary_input=True),
                    dict(
                        type='mmdet.DiceCost',
                        weight=1.0,
                        pred_act=True,
                        eps=1.0)
                ]),
            sampler=dict(type='mmdet.MaskPseudoSampler'))))
# batch normalisation can't do with one frame in the last batch
train_dataloader = dict(drop_last=True)
# as mmseg trains this head
optim_wrapper = dict(
    optimizer=dict(lr=1e-4, weight_decay=0.0001),
    clip_grad=dict(max_norm=0.01))
