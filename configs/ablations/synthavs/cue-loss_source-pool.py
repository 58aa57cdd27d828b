_base_ = ['./cue-loss.py']

model = dict(prompt_encoder=dict(source_pool=True))
