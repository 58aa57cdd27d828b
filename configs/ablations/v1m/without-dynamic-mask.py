_base_ = ['../../teso/teso_swin-b_v1m.py']

model = dict(prompt_encoder=dict(dynamic_mask=dict(mode='off')))
