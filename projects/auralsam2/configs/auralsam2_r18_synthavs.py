# AuralSAM2, narrow, on SynthAVS: small enough to train from nothing on a CPU.
# The eye is the testbed's, with SAM 2's neck; nothing of SAM 2 is pretrained.
_base_ = ['../../_base_/synthavs.py']
custom_imports = dict(
    imports=['mmteso', 'mmteso_auralsam2'], allow_failed_imports=False)

feat_channels = 64
model = dict(
    neck=dict(
        type='SAM2Neck',
        in_channels=[32, 64, 128, 256],
        out_channels=feat_channels),
    prompt_encoder=dict(
        _delete_=True, type='StereoPrompt', embed_dims=feat_channels),
    decode_head=dict(
        type='AuralSAM2Head',
        fuser=dict(
            type='AuralFuser',
            channels=feat_channels,
            depths=(1, 1, 2),
            audio_depth=1,
            sr_ratio=1,
            dropout=0.,
            projection_dims=32),
        decoder_config=dict(
            hidden_size=feat_channels,
            mlp_dim=256,
            num_attention_heads=4,
            iou_head_hidden_dim=feat_channels),
        loss_contrast=dict(type='AudioContrastiveLoss', num_pixels=16),
        # one frame in seven is silent, and AuralSAM2 teaches no mask there
        silent_masks=True))
