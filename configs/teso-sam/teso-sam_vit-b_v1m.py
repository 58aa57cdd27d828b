_base_ = [
    '../_base_/models/teso_sam_vit-b.py',
    '../_base_/datasets/avsbench_binary.py',
    '../_base_/schedules/teso_60e.py', '../_base_/default_runtime.py'
]

# the size of SAM's images
train_pipeline = _base_.train_pipeline
test_pipeline = _base_.test_pipeline
tta_pipeline = _base_.tta_pipeline
train_pipeline[2].update(scale=_base_.crop_size)
test_pipeline[1].update(scale=_base_.crop_size)
tta_pipeline[1].update(scale=_base_.crop_size)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
