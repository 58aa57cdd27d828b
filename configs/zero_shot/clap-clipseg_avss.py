# As clap-clipseg_v1m.py, all subsets and 71 classes: a cue's mask has the
# class that the cue names.
_base_ = ['./clap-clipseg_v1m.py']

model = dict(classes='avsbench')
dataset = dict(subsets=['v1s', 'v1m', 'v2'], task='semantic')
test_dataloader = dict(dataset=dataset)
test_evaluator = [
    dict(type='AVSSMetric'),
    dict(type='IoUMetric', iou_metrics=['mIoU'], prefix='mmseg')
]
