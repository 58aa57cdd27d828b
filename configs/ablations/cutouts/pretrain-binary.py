# Second stage of the pretraining: from telling all visible objects apart to
# one mask of all that is visible, still without sound and text. It is where
# the models begin: segmenting whatever could sound.
_base_ = ['./pretrain.py']

num_classes = 2
model = dict(
    frozen=['backbone', 'decode_head.pixel_decoder'],
    decode_head=dict(
        type='TeSOHead',
        num_classes=num_classes,
        loss_cls=dict(class_weight=[1.0] * num_classes + [0.1]),
        train_cfg=dict(num_points=512)))
dataset = dict(task='binary')
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
val_evaluator = [dict(type='AVSMetric')]
test_evaluator = val_evaluator
max_iters = 300
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
    dict(
        type='PolyLR',
        eta_min=0,
        power=0.9,
        begin=50,
        end=max_iters,
        by_epoch=False)
]
train_cfg = dict(max_iters=max_iters, val_interval=150)
default_hooks = dict(checkpoint=dict(interval=150, save_best='J'))
load_from = 'work_dirs/ablations/cutouts/pretrain.pth'
