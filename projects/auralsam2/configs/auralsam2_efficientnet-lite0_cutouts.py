# On the cutouts testbed, with the backbone from TeSO's start there
# (configs/ablations/cutouts/pretrain.py), as frozen as TeSO's.
_base_ = ['./auralsam2_r18_synthavs.py']

model = dict(
    data_preprocessor=dict(mean=[127.0] * 3, std=[128.0] * 3),
    backbone=dict(
        _delete_=True,
        type='EfficientNetLite',
        norm_eval=True,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='work_dirs/ablations/cutouts/pretrain.pth',
            prefix='backbone.')),
    audio_encoder=dict(mean=(2.8, 0.65), std=(1.5, 0.41)),
    frozen=['backbone'],
    neck=dict(in_channels=[24, 40, 112, 320]))
dataset = dict(data_root='data/cutouts')
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
# known classes; by another picture or recording; classes never trained on
test_dataloader = dict(
    dataset=dict(
        split=['test', 'test_exemplar', 'test_unseen'], **dataset))
test_evaluator = [dict(type='AVSMetric', report_by='split')]
