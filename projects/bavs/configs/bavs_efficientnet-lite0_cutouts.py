# On the cutouts testbed, from TeSO's start there
# (configs/ablations/cutouts/pretrain.py), which knows what is visible.
_base_ = ['./bavs_r18_synthavs.py']

num_classes = 67
model = dict(
    data_preprocessor=dict(mean=[127.0] * 3, std=[128.0] * 3),
    backbone=dict(_delete_=True, type='EfficientNetLite', norm_eval=True),
    audio_encoder=dict(mean=(2.8, 0.65), std=(1.5, 0.41)),
    prompt_encoder=dict(num_classes=num_classes),
    frozen=['backbone', 'decode_head.pixel_decoder'],
    decode_head=dict(
        in_channels=[24, 40, 112, 320],
        num_classes=num_classes,
        loss_cls=dict(class_weight=[1.0] * num_classes + [0.1]),
        train_cfg=dict(num_points=512)))
dataset = dict(data_root='data/cutouts')
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
# known classes; by another picture or recording; classes never trained on
test_dataloader = dict(
    dataset=dict(
        split=['test', 'test_exemplar', 'test_unseen'], **dataset))
test_evaluator = [dict(type='AVSMetric', report_by='split')]
# at the rate of the rest the tags' linear classifier is far from done when
# the training ends (docs/peers.md)
optim_wrapper = dict(
    paramwise_cfg=dict(
        custom_keys=dict(prompt_encoder=dict(lr_mult=10.))))
load_from = 'work_dirs/ablations/cutouts/pretrain.pth'
