# trained without silent frames
_base_ = ['./plus.py']

train_dataloader = dict(
    dataset=dict(data_root='data/synthavs-hard-no-silent'))
