# ours: sound negatives; cues are projected by their words, and scored first
_base_ = ['../../teso/teso-plus_swin-b_v1m.py']
