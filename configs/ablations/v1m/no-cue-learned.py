# the key of a frame without cues does not carry the sound
_base_ = ['../../teso/teso_swin-b_v1m.py']

model = dict(prompt_encoder=dict(no_cue='learned'))
