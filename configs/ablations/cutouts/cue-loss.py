# ours: the cue loss trains the score by which the dynamic mask selects
_base_ = ['../../teso/teso-cue_r18_cutouts.py']
