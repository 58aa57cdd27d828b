# The label-filter baseline: a semantic model that hears through the audio
# alone and reads no text; at test time, predictions of a class that is not
# among the frame's cues are dropped. An empty cue list drops everything.
_base_ = ['./without-text.py']

num_classes = 17
model = dict(
    type='LabelFilterSegmentor',
    decode_head=dict(
        num_classes=num_classes,
        loss_cls=dict(class_weight=[1.0] * num_classes + [0.1])))
# the cues' words alone, and these not in training; they are class names
load_cues = [*_base_.load_cues, dict(type='CuesToClasses')]
train_pipeline = [
    _base_.load_image, _base_.load_masks, *_base_.augmentation,
    *_base_.load_sound, _base_.pack
]
test_pipeline = [
    _base_.load_image, _base_.load_all_masks, *_base_.load_sound, *load_cues,
    _base_.pack
]
tta_pipeline = [
    _base_.load_image, *_base_.load_sound,
    dict(
        type='TestTimeAug',
        transforms=[
            _base_.flips, [_base_.load_all_masks],
            *[[step] for step in load_cues], [_base_.pack]
        ])
]
dataset = dict(task='semantic', cue_bank=None)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline, **dataset))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline, **dataset))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline, **dataset))
# J and F as in the binary task of the other rows; there are no scores of cues
val_evaluator = [dict(type='AVSMetric')]
test_evaluator = [
    dict(type='AVSMetric', report_by='split'),
    dict(type='AVSSMetric')
]
# from the stage of the pretraining that tells the classes apart
load_from = 'work_dirs/ablations/synthavs/pretrain.pth'
