# ours: cue loss, sound negatives and linear text
_base_ = ['../../teso/teso-plus_efficientnet-lite0_cutouts.py']
