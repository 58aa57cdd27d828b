# text and sound meet at the scales that their encoders give them
_base_ = ['../../teso/teso_swin-b_v1m.py']

model = dict(prompt_encoder=dict(normalize=False))
