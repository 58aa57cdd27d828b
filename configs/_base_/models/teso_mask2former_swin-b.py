# Mask2Former with Swin-B, pretrained on ADE20K semantic segmentation (paper
# 4.1), adapted and prompted by sound and text.
num_classes = 2  # background, sounding
crop_size = (384, 384)
data_preprocessor = dict(
    type='AVTDataPreProcessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
    pad_val=0,
    seg_pad_val=255,
    size=crop_size,
    test_cfg=dict(size_divisor=32))
attention = dict(
    embed_dims=256,
    num_heads=8,
    attn_drop=0.0,
    proj_drop=0.0,
    dropout_layer=None,
    batch_first=True)
model = dict(
    type='AudioTextSegmentor',
    data_preprocessor=data_preprocessor,
    backbone=dict(
        type='SwinTransformer',
        pretrain_img_size=384,
        embed_dims=128,
        depths=[2, 2, 18, 2],
        num_heads=[4, 8, 16, 32],
        window_size=12,
        mlp_ratio=4,
        qkv_bias=True,
        qk_scale=None,
        drop_rate=0.0,
        attn_drop_rate=0.0,
        drop_path_rate=0.3,
        patch_norm=True,
        out_indices=(0, 1, 2, 3),
        with_cp=False,
        frozen_stages=-1),
    audio_encoder=dict(
        type='VGGish',
        init_cfg=dict(
            type='Pretrained', checkpoint='checkpoints/vggish-10086976.pth')),
    prompt_encoder=dict(
        type='SeDAM',
        audio_dims=128,
        text_dims=1024,
        embed_dims=1024,
        hidden_dims=2048,
        num_latents=4,
        num_heads=8,
        num_layers=1,
        normalize=True,
        no_cue='audio',
        dynamic_mask=dict(type='DynamicMask', mode='hard', threshold=0.0)),
    latent_loss=dict(type='LatentComponentLoss', tau=0.1, loss_weight=0.1),
    adapters=dict(kinds=('window', 'deformable', 'cross'), ratio=4),
    # What the pretrained checkpoint brings. Adapters inside these modules
    # train; so do SeDAM, PMQS and the class head.
    frozen=[
        'backbone', 'audio_encoder', 'decode_head.pixel_decoder',
        'decode_head.transformer_decoder', 'decode_head.decoder_input_projs',
        'decode_head.query_embed', 'decode_head.query_feat',
        'decode_head.level_embed', 'decode_head.mask_embed'
    ],
    decode_head=dict(
        type='TeSOHead',
        in_channels=[128, 256, 512, 1024],
        strides=[4, 8, 16, 32],
        feat_channels=256,
        out_channels=256,
        num_classes=num_classes,
        num_queries=100,
        num_transformer_feat_level=3,
        align_corners=False,
        pmqs=dict(
            type='PMQS',
            prompt_dims=1024,
            query_dims=256,
            hidden_dims=2048,
            num_heads=4,
            num_layers=1,
            norm='post'),
        pixel_decoder=dict(
            type='mmdet.MSDeformAttnPixelDecoder',
            num_outs=3,
            norm_cfg=dict(type='GN', num_groups=32),
            act_cfg=dict(type='ReLU'),
            encoder=dict(
                num_layers=6,
                layer_cfg=dict(
                    self_attn_cfg=dict(
                        embed_dims=256,
                        num_heads=8,
                        num_levels=3,
                        num_points=4,
                        im2col_step=64,
                        dropout=0.0,
                        batch_first=True,
                        norm_cfg=None,
                        init_cfg=None),
                    ffn_cfg=dict(
                        embed_dims=256,
                        feedforward_channels=1024,
                        num_fcs=2,
                        ffn_drop=0.0,
                        # not in place, as in mmseg: same values, but the
                        # gradient of a view would be copied four times
                        act_cfg=dict(type='ReLU'))),
                init_cfg=None),
            positional_encoding=dict(num_feats=128, normalize=True),
            init_cfg=None),
        enforce_decoder_input_project=False,
        positional_encoding=dict(num_feats=128, normalize=True),
        transformer_decoder=dict(
            return_intermediate=True,
            num_layers=9,
            layer_cfg=dict(
                self_attn_cfg=attention,
                cross_attn_cfg=attention,
                ffn_cfg=dict(
                    embed_dims=256,
                    feedforward_channels=2048,
                    num_fcs=2,
                    act_cfg=dict(type='ReLU'),
                    ffn_drop=0.0,
                    dropout_layer=None,
                    add_identity=True)),
            init_cfg=None),
        loss_cls=dict(
            type='mmdet.CrossEntropyLoss',
            use_sigmoid=False,
            loss_weight=2.0,
            reduction='mean',
            class_weight=[1.0] * num_classes + [0.1]),
        loss_mask=dict(
            type='mmdet.CrossEntropyLoss',
            use_sigmoid=True,
            reduction='mean',
            loss_weight=5.0),
        loss_dice=dict(
            type='mmdet.DiceLoss',
            use_sigmoid=True,
            activate=True,
            reduction='mean',
            naive_dice=True,
            eps=1.0,
            loss_weight=5.0),
        train_cfg=dict(
            num_points=12544,
            oversample_ratio=3.0,
            importance_sample_ratio=0.75,
            assigner=dict(
                type='mmdet.HungarianAssigner',
                match_costs=[
                    dict(type='mmdet.ClassificationCost', weight=2.0),
                    dict(
                        type='mmdet.CrossEntropyLossCost',
                        weight=5.0,
                        use_sigmoid=True),
                    dict(
                        type='mmdet.DiceCost',
                        weight=5.0,
                        pred_act=True,
                        eps=1.0)
                ]),
            sampler=dict(type='mmdet.MaskPseudoSampler'))),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
# OpenMMLab's own Mask2Former for ADE20K. Its class head has 150 classes and is
# not taken over; all that is new (SeDAM, PMQS, adapters, class head) starts
# fresh.
load_from = 'https://download.openmmlab.com/mmsegmentation/v0.5/mask2former/mask2former_swin-b-in22k-384x384-pre_8xb2-160k_ade20k-640x640/mask2former_swin-b-in22k-384x384-pre_8xb2-160k_ade20k-640x640_20221203_235230-7ec0f569.pth'  # noqa: E501
