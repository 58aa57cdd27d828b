_base_ = ['./full.py']

model = dict(prompt_encoder=dict(dynamic_mask=dict(mode='straight_through')))
