# TeSO as in the paper
_base_ = ['../../teso/teso_efficientnet-lite0_cutouts.py']
