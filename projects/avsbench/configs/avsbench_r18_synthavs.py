# The baseline, narrow, on SynthAVS: small enough to train from nothing on a
# CPU.
_base_ = [
    '../../../configs/_base_/models/audio_text_tiny.py',
    '../../../configs/_base_/datasets/synthavs.py',
    '../../../configs/_base_/schedules/synthavs_800it.py',
    '../../../configs/_base_/default_runtime.py'
]
custom_imports = dict(
    imports=['mmteso', 'mmteso_avsbench'], allow_failed_imports=False)

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
    prompt_encoder=dict(_delete_=True, type='AudioFeaturePrompt'),
    fusion=None,
    latent_loss=None,
    decode_head=dict(
        type='AVSBenchHead',
        in_channels=[32, 64, 128, 256],
        feat_channels=64,
        channels=16))

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
# batch_size is in clips of five frames
batch_sampler = dict(type='ClipBatchSampler')
train_dataloader = dict(
    batch_size=4,
    sampler=dict(type='InfiniteClipSampler'),
    batch_sampler=batch_sampler,
    dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=4,
    sampler=dict(type='ClipSampler'),
    batch_sampler=batch_sampler,
    dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = [dict(type='AVSMetric')]
test_evaluator = val_evaluator
