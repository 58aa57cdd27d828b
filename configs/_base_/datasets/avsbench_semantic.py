# AVSS: AVSBench-semantic, all three subsets and 71 classes. Leaf configs give
# the model as many, and pick the best checkpoint by 'avss/mIoU'.
_base_ = ['./avsbench_binary.py']

dataset = dict(subsets=['v1s', 'v1m', 'v2'], task='semantic')
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
val_evaluator = dict(_delete_=True, type='AVSSMetric')
test_evaluator = [
    dict(type='AVSSMetric'),
    dict(type='IoUMetric', iou_metrics=['mIoU'], prefix='mmseg')
]
