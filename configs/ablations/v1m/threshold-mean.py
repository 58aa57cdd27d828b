# a cue is kept by comparison with the frame's others, not by its own score
_base_ = ['../../teso/teso_swin-b_v1m.py']

model = dict(
    prompt_encoder=dict(dynamic_mask=dict(threshold='mean')))
