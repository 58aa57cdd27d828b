# The stand-in for ADE20K on SynthAVS: a Mask2Former without sound and text
# learns to segment everything *visible*, class by class, in many single frames
# of their own; all rows of the ablation start from it. Their test split's
# unseen combinations of shape and texture are not among them.
#   tools/dataset_converters/prepare_synthavs.py data/synthavs-hard-pretrain \
#       --variant hard --videos 3900 --frames 1 --seed 1
_base_ = [
    '../../_base_/models/teso_r18_tiny.py',
    '../../_base_/datasets/synthavs_hard.py',
    '../../_base_/schedules/synthavs_1600it.py',
    '../../_base_/default_runtime.py'
]

data_root = 'data/synthavs-hard-pretrain'
num_classes = 17
model = dict(
    audio_encoder=None,
    prompt_encoder=None,
    latent_loss=None,
    decode_head=dict(
        type='PixelSupervisedHead',
        num_classes=num_classes,
        pmqs=None,
        loss_cls=dict(class_weight=[1.0] * num_classes + [0.1])))
load_masks = dict(type='LoadAVSAnnotations', source='visible')
train_pipeline = [
    _base_.load_image, load_masks, *_base_.augmentation, _base_.pack
]
test_pipeline = [_base_.load_image, load_masks, _base_.pack]
dataset = dict(
    data_root=data_root, cue_file=None, cue_bank=None, task='semantic')
train_dataloader = dict(dataset=dict(pipeline=train_pipeline, **dataset))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline, **dataset))
test_dataloader = dict(
    dataset=dict(split='test', pipeline=test_pipeline, **dataset))
val_evaluator = [dict(type='IoUMetric', iou_metrics=['mIoU'])]
test_evaluator = val_evaluator
max_iters = 2500
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
train_cfg = dict(max_iters=max_iters, val_interval=500)
default_hooks = dict(checkpoint=dict(interval=500, save_best='mIoU'))
