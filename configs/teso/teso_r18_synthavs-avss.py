# Semantic segmentation of what sounds, on SynthAVS.
_base_ = [
    '../_base_/models/teso_r18_tiny.py',
    '../_base_/datasets/synthavs_semantic.py',
    '../_base_/schedules/synthavs_1600it.py', '../_base_/default_runtime.py'
]

num_classes = 9
model = dict(
    decode_head=dict(
        num_classes=num_classes,
        loss_cls=dict(class_weight=[1.0] * num_classes + [0.1])))
default_hooks = dict(checkpoint=dict(save_best='avss/mIoU'))
