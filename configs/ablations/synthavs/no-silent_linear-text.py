# trained without silent frames
_base_ = ['./linear-text.py']

train_dataloader = dict(
    dataset=dict(data_root='data/synthavs-hard-no-silent'))
