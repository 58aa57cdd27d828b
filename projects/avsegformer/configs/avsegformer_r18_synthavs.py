# AVSegFormer, narrow, on SynthAVS: small enough to train from nothing on a
# CPU.
_base_ = [
    '../../../configs/_base_/models/audio_text_tiny.py',
    '../../../configs/_base_/datasets/synthavs.py',
    '../../../configs/_base_/schedules/synthavs_800it.py',
    '../../../configs/_base_/default_runtime.py'
]
custom_imports = dict(
    imports=['mmteso', 'mmteso_avsegformer'], allow_failed_imports=False)

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
    prompt_encoder=dict(
        _delete_=True, type='AudioProjectionPrompt', embed_dims=feat_channels),
    fusion=None,
    latent_loss=None,
    decode_head=dict(
        type='AVSegFormerHead',
        in_channels=[32, 64, 128, 256],
        feat_channels=feat_channels,
        mid_channels=32,
        channels=16,
        num_queries=16,
        num_layers=(2, 1, 3),
        num_heads=4,
        ffn_channels=256,
        generator_channels=128,
        dropout=0.,
        num_groups=8,
        # One frame in seven is silent, and the dice loss has no gradient
        # there: cross entropy beside it.
        loss_decode=[
            dict(type='FrameDiceLoss'),
            dict(
                type='CrossEntropyLoss',
                use_sigmoid=True,
                avg_non_ignore=True)
        ]))

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
