# AuralSAM2, narrow, on SynthAVS: small enough to train from nothing on a CPU.
# The eye is the testbed's, with SAM 2's neck; nothing of SAM 2 is pretrained.
_base_ = [
    '../../../configs/_base_/models/audio_text_tiny.py',
    '../../../configs/_base_/datasets/synthavs.py',
    '../../../configs/_base_/schedules/synthavs_800it.py',
    '../../../configs/_base_/default_runtime.py'
]
custom_imports = dict(
    imports=['mmteso', 'mmteso_auralsam2'], allow_failed_imports=False)

feat_channels = 64
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
    neck=dict(
        type='SAM2Neck',
        in_channels=[32, 64, 128, 256],
        out_channels=feat_channels),
    prompt_encoder=dict(
        _delete_=True, type='StereoPrompt', embed_dims=feat_channels),
    fusion=None,
    latent_loss=None,
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

train_pipeline = [
    _base_.load_image, _base_.load_masks, *_base_.load_sound, _base_.pack
]
test_pipeline = [
    _base_.load_image, _base_.load_all_masks, *_base_.load_sound, _base_.pack
]
tta_pipeline = [
    _base_.load_image, *_base_.load_sound,
    dict(
        type='TestTimeAug',
        transforms=[_base_.flips, [_base_.load_all_masks], [_base_.pack]])
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = [dict(type='AVSMetric')]
test_evaluator = val_evaluator
