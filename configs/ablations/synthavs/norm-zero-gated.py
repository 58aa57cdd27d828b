_base_ = ['./full.py']

model = dict(decode_head=dict(pmqs=dict(norm='zero_gated')))
