_base_ = [
    '../_base_/models/teso_sam_vit-b.py',
    '../_base_/datasets/avsbench_binary.py',
    '../_base_/schedules/teso_60e.py', '../_base_/default_runtime.py'
]

# the size of SAM's images
resize = dict(_base_.resize, scale=_base_.crop_size)
train_pipeline = [
    _base_.load_image, _base_.load_masks, resize,
    dict(type='RandomFlip', prob=0.5), *_base_.load_sound, *_base_.load_cues,
    _base_.pack
]
test_pipeline = [
    _base_.load_image, resize, _base_.load_masks, *_base_.load_sound,
    *_base_.load_cues, _base_.pack
]
tta_pipeline = [
    _base_.load_image, resize, *_base_.load_sound, *_base_.load_cues,
    _base_.flip_views
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
