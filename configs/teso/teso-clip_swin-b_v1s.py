# Semi-supervised: a training clip has the mask of its first frame alone; the
# sounds and cues of the others are heard.
_base_ = ['./teso-clip_swin-b_v1m.py']

train_pipeline = [
    _base_.load_image,
    dict(_base_.load_masks, no_mask='ignore'), *_base_.augmentation,
    *_base_.load_sound, *_base_.load_cues, _base_.pack
]
dataset = dict(subsets='v1s')
train_dataloader = dict(
    dataset=dict(with_masks=False, pipeline=train_pipeline, **dataset))
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
