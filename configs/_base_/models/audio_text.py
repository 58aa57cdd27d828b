# What hears and reads, for any backbone and any decode head of mmseg: leaf
# configs add `backbone`, perhaps a `neck`, `fusion.in_channels` (the channels
# of what backbone or neck gives) and the heads, written as for mmseg.
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
model = dict(
    type='AudioTextSegmentor',
    data_preprocessor=data_preprocessor,
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
    fusion=dict(
        type='AudioTextFusion',
        prompt_dims=1024,
        embed_dims=256,
        hidden_dims=2048,
        num_heads=4),
    latent_loss=dict(type='LatentComponentLoss', tau=0.1, loss_weight=0.1),
    # Heads and fusion start from nothing and the backbone from ImageNet, so
    # all of them train; only the audio encoder stays as it is.
    frozen=['audio_encoder'],
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
# heads are written with BN; on several GPUs mmengine makes SyncBN of it
sync_bn = 'torch'
