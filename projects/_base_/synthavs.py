# A peer that reads no text, narrow, on SynthAVS: small enough to train from
# nothing on a CPU. Leaf configs add package and head.
_base_ = [
    '../../configs/_base_/models/audio_text_tiny.py',
    '../../configs/_base_/datasets/synthavs.py',
    '../../configs/_base_/schedules/synthavs_800it.py',
    '../../configs/_base_/default_runtime.py'
]

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
    fusion=None,
    latent_loss=None)

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
