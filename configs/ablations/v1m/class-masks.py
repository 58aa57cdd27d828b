# ours: a training mask for each class that sounds, not one for all of them
_base_ = ['../../teso/teso_swin-b_v1m.py']

model = dict(decode_head=dict(targets='class'))
load_masks = dict(_base_.load_masks, load_classes=True)
train_pipeline = [
    _base_.load_image, load_masks, *_base_.augmentation, *_base_.load_sound,
    *_base_.load_cues, _base_.pack
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
