# SynthAVS with its classes told apart: background and eight. Leaf configs give
# the model as many, and pick the best checkpoint by 'avss/mIoU'.
_base_ = ['./synthavs.py']

dataset = dict(task='semantic')
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
val_evaluator = [dict(type='AVSSMetric'), dict(type='CueSelectionMetric')]
test_evaluator = [
    dict(type='AVSSMetric'),
    dict(type='IoUMetric', iou_metrics=['mIoU'], prefix='mmseg'),
    # any class but background as sounding, comparable with the binary task
    dict(type='AVSMetric'),
    dict(type='CueSelectionMetric'),
    dict(type='CueRecognitionMetric')
]
