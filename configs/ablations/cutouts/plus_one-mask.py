# ours: plus, but one training mask for all that sounds
_base_ = ['./plus.py']

model = dict(decode_head=dict(targets='label'))
