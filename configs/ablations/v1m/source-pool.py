# the release's direct way for the sound into every cue; not in the paper
_base_ = ['../../teso/teso_swin-b_v1m.py']

model = dict(prompt_encoder=dict(source_pool=True))
