_base_ = ['../../teso/teso_swin-b_v1m.py']

model = dict(decode_head=dict(pmqs=dict(norm='zero_gated')))
