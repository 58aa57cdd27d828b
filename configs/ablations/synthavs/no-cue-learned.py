# the key of a frame without cues does not carry the sound
_base_ = ['./full.py']

model = dict(prompt_encoder=dict(no_cue='learned'))
