# ours: sound negatives; cues are projected by their words, and scored first
_base_ = ['./negatives.py']

model = dict(
    prompt_encoder=dict(linear_text=True, text_dropout=0.3),
    cue_loss=dict(loss_weight=5.0))
