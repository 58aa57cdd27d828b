# ours: a cue's score is compared with the mean of all frames' scores
_base_ = ['../../teso/teso_swin-b_v1m.py']

model = dict(prompt_encoder=dict(dynamic_mask=dict(center=True)))
