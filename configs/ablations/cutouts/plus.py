# ours: cue loss, sound negatives, linear text, masks by class, fusion
_base_ = ['../../teso/teso-plus_efficientnet-lite0_cutouts.py']
