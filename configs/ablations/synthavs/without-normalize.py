# text and sound meet at the scales that their encoders give them
_base_ = ['./full.py']

model = dict(prompt_encoder=dict(normalize=False))
