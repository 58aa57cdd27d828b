_base_ = ['./gavs_sam-vit-b_v3-1-shot.py']

dataset = dict(setting='3-shot')
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
