# ours: a cue's score is compared with the mean of all frames' scores
_base_ = ['./full.py']

model = dict(prompt_encoder=dict(dynamic_mask=dict(center=True)))
