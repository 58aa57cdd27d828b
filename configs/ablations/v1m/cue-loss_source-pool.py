_base_ = ['../../teso/teso-cue_swin-b_v1m.py']

model = dict(prompt_encoder=dict(source_pool=True))
