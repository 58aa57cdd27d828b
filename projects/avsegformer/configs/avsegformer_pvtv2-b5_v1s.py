# Semi-supervised: training sees the first frame of a clip, which has a mask.
_base_ = ['./avsegformer_pvtv2-b5_v1m.py']

dataset = dict(subsets='v1s')
# two clips, as in the release
train_dataloader = dict(batch_size=2, dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
train_cfg = dict(max_epochs=30)
auto_scale_lr = dict(base_batch_size=2)
