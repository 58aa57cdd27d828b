# trained without silent frames
_base_ = ['./full.py']

train_dataloader = dict(
    dataset=dict(data_root='data/synthavs-hard-no-silent'))
