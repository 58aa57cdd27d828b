# The same for semantic segmentation of all clips: every head, auxiliary ones
# too, has the classes, and the best checkpoint is told by another score.
_base_ = ['./fusion-upernet_swin-t_v1m.py']

num_classes = 71
model = dict(
    decode_head=dict(num_classes=num_classes),
    auxiliary_head=dict(num_classes=num_classes))
dataset = dict(subsets=['v1s', 'v1m', 'v2'], task='semantic')
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
val_evaluator = dict(_delete_=True, type='AVSSMetric')
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='avss/mIoU'))
