# ours: plus, but only the queries attend to what sounds
_base_ = ['./plus.py']

model = dict(decode_head=dict(fusion=None))
