# BAVS, narrow, on SynthAVS: a Mask2Former that learns all visible objects, and
# tags by a linear classifier of log-mel statistics, since no public classifier
# knows these sounds.
_base_ = [
    '../../../configs/_base_/models/teso_r18_tiny.py',
    '../../../configs/_base_/datasets/synthavs.py',
    '../../../configs/_base_/schedules/synthavs_800it.py',
    '../../../configs/_base_/default_runtime.py'
]
custom_imports = dict(
    imports=['mmteso', 'mmteso_bavs'], allow_failed_imports=False)

num_classes = 9
model = dict(
    type='BAVSSegmentor',
    prompt_encoder=dict(
        _delete_=True,
        type='TagPrompt',
        audio_dims=128,
        num_classes=num_classes,
        threshold=0.5),
    latent_loss=None,
    decode_head=dict(
        num_classes=num_classes,
        pmqs=None,
        loss_cls=dict(class_weight=[1.0] * num_classes + [0.1])))

train_pipeline = [
    _base_.load_image, _base_.load_all_masks, *_base_.augmentation,
    *_base_.load_sound, _base_.pack
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
dataset = dict(task='semantic')
train_dataloader = dict(dataset=dict(pipeline=train_pipeline, **dataset))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline, **dataset))
test_dataloader = val_dataloader
# J and F of what sounds, as of the binary task
val_evaluator = [dict(type='AVSMetric')]
test_evaluator = val_evaluator
