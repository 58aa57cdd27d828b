_base_ = ['./teso_swin-b_v1m.py']

# AVSBench-semantic: all three subsets, 71 classes
num_classes = 71
model = dict(
    decode_head=dict(
        num_classes=num_classes,
        loss_cls=dict(class_weight=[1.0] * num_classes + [0.1])))
dataset = dict(subsets=['v1s', 'v1m', 'v2'], task='semantic')
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
val_evaluator = dict(_delete_=True, type='AVSSMetric')
test_evaluator = [
    dict(type='AVSSMetric'),
    dict(type='IoUMetric', iou_metrics=['mIoU'], prefix='mmseg')
]
default_hooks = dict(checkpoint=dict(save_best='avss/mIoU'))
