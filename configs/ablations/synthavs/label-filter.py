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
cues = [
    dict(
        type='LoadTextCues',
        cue_file=_base_.cue_file,
        num_cues=_base_.num_cues),
    dict(type='CuesToClasses')
]
train_pipeline = _base_.train_pipeline
train_pipeline[-2:-1] = []
test_pipeline = _base_.test_pipeline
test_pipeline[-2:-1] = cues
tta_pipeline = _base_.tta_pipeline
tta_pipeline[-1]['transforms'][-2] = [cues[0]]
tta_pipeline[-1]['transforms'].insert(-1, [cues[1]])
train_dataloader = dict(
    dataset=dict(task='semantic', pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(task='semantic', pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(task='semantic', pipeline=test_pipeline))
# J and F as in the binary task of the other rows; there are no scores of cues
val_evaluator = [dict(type='AVSMetric')]
test_evaluator = [
    dict(type='AVSMetric', report_by='split'),
    dict(type='AVSSMetric')
]
# from the stage of the pretraining that tells the classes apart
load_from = 'work_dirs/ablations/synthavs/pretrain.pth'
