# Semi-supervised: a training clip has the mask of its first frame alone.
_base_ = ['./avsbench_r50_v1m.py']

model = dict(decode_head=dict(loss_avm_weight=0.))
train_pipeline = [
    _base_.load_image,
    dict(_base_.load_masks, no_mask='ignore'), _base_.resize,
    *_base_.load_sound, _base_.pack
]
dataset = dict(subsets='v1s')
train_dataloader = dict(
    dataset=dict(with_masks=False, pipeline=train_pipeline, **dataset))
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
train_cfg = dict(max_epochs=15)
