# TeSO-SAM: SAM ViT-B in Mask2Former's place. The paper gives its numbers and
# little else; what is not SAM's own is as in TeSO with Mask2Former.
crop_size = (1024, 1024)  # the size that SAM was trained at
sam = dict(
    type='Pretrained',
    # a folder: tools/model_converters/sam_to_transformers.py makes it of
    # sam_vit_b_01ec64.pth
    checkpoint='checkpoints/sam-vit-b')
data_preprocessor = dict(
    type='AVTDataPreProcessor',
    mean=[123.675, 116.28, 103.53],  # SAM's own, too
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
    pad_val=0,
    seg_pad_val=255,
    size=crop_size,
    test_cfg=dict(size=crop_size))
model = dict(
    type='AudioTextSegmentor',
    data_preprocessor=data_preprocessor,
    backbone=dict(
        type='SAMImageEncoder', img_size=crop_size[0], init_cfg=sam),
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
    adapters=dict(kinds=('sam', 'sam_cross'), ratio=4),
    # All that is pretrained, as in TeSO (the mask decoder: ours). Adapters
    # inside these modules train; so do SeDAM and PMQS.
    frozen=[
        'backbone', 'audio_encoder', 'decode_head.mask_decoder',
        'decode_head.no_mask_embed'
    ],
    decode_head=dict(
        type='TeSOSAMHead',
        # as in SAM's own code; transformers' default is 1e-6
        decoder_config=dict(layer_norm_eps=1e-5),
        mask_token=0,
        pmqs=dict(
            type='PMQS',
            prompt_dims=1024,
            query_dims=256,
            hidden_dims=2048,
            num_heads=4,
            num_layers=1,
            norm='post'),
        num_points=12544,
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
        init_cfg=sam),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
