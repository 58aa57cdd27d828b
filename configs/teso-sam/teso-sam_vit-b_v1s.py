_base_ = ['./teso-sam_vit-b_v1m.py']

dataset = dict(subsets='v1s')
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
