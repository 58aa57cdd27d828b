# Semi-supervised: training sees the first frame of a clip, which has a mask.
_base_ = ['./_base_/gavs.py']

dataset = dict(subsets='v1s')
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
