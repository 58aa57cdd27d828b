# The stand-in for ADE20K on the cutouts testbed: a Mask2Former without sound
# and text learns to segment everything *visible*, class by class, in single
# frames of their own; all rows start from it. It sees no unseen class.
#   tools/dataset_converters/prepare_cutouts.py data/cutouts-pretrain --fetch \
#       --videos 6400 --frames 1 --seed 1
_base_ = [
    '../../_base_/models/teso_efficientnet-lite0_tiny.py',
    '../../_base_/datasets/cutouts.py',
    '../../_base_/schedules/synthavs_1600it.py',
    '../../_base_/default_runtime.py'
]

data_root = 'data/cutouts-pretrain'
num_classes = 67
model = dict(
    audio_encoder=None,
    prompt_encoder=None,
    latent_loss=None,
    backbone=dict(
        init_cfg=dict(
            type='Pretrained',
            checkpoint='checkpoints/efficientnet-lite0.safetensors')),
    decode_head=dict(
        type='PixelSupervisedHead',
        num_classes=num_classes,
        stages=2,
        pmqs=None,
        loss_cls=dict(class_weight=[1.0] * num_classes + [0.1]),
        train_cfg=dict(num_points=512)))
load_masks = dict(type='LoadAVSAnnotations', source='visible')
train_pipeline = [
    _base_.load_image, load_masks, *_base_.augmentation, _base_.pack
]
test_pipeline = [_base_.load_image, load_masks, _base_.pack]
dataset = dict(
    data_root=data_root, cue_file=None, cue_bank=None, task='semantic')
# ImageNet's features need little more
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys={'backbone': dict(lr_mult=0.1)}))
train_dataloader = dict(
    batch_size=12, dataset=dict(pipeline=train_pipeline, **dataset))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline, **dataset))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline, **dataset))
val_evaluator = [dict(type='IoUMetric', iou_metrics=['mIoU'])]
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='mIoU'))
