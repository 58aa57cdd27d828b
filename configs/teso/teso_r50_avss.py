_base_ = [
    '../_base_/models/teso_mask2former_r50.py',
    '../_base_/datasets/avsbench_semantic.py',
    '../_base_/schedules/teso_60e.py', '../_base_/default_runtime.py'
]

num_classes = 71
model = dict(
    decode_head=dict(
        num_classes=num_classes,
        loss_cls=dict(class_weight=[1.0] * num_classes + [0.1])))
default_hooks = dict(checkpoint=dict(save_best='avss/mIoU'))
