# ours: sound negatives, and cues that are projected by their words
_base_ = ['./negatives.py']

model = dict(
    prompt_encoder=dict(linear_text=True, text_dropout=0.3))
