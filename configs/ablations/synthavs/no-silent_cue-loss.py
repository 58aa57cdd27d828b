# trained without silent frames
_base_ = ['./cue-loss.py']

train_dataloader = dict(
    dataset=dict(data_root='data/synthavs-hard-no-silent'))
