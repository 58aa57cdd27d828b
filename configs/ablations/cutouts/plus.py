# ours: cue loss, sound negatives and linear text
_base_ = ['../../teso/teso-plus_r18_cutouts.py']
