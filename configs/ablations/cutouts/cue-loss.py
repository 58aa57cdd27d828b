# ours: the cue loss trains the score by which the dynamic mask selects
_base_ = ['../../teso/teso-cue_efficientnet-lite0_cutouts.py']
