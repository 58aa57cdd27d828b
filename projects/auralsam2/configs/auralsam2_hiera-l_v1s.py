# Semi-supervised: a training clip has the mask of its first frame alone.
_base_ = ['./auralsam2_hiera-l_v1m.py']

# beside the losses of one frame
model = dict(decode_head=dict(loss_contrast=dict(loss_weight=1.)))
train_pipeline = [
    _base_.load_image,
    dict(_base_.load_masks, no_mask='ignore'), _base_.resize,
    dict(type='RandomFlip', prob=0.5), *_base_.load_sound, _base_.pack
]
dataset = dict(subsets='v1s')
train_dataloader = dict(
    dataset=dict(with_masks=False, pipeline=train_pipeline, **dataset))
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
