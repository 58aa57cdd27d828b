# a cue is kept by comparison with the frame's others, not by its own score
_base_ = ['./full.py']

model = dict(
    prompt_encoder=dict(dynamic_mask=dict(threshold='mean')))
