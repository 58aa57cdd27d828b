# TeSO as in the paper
_base_ = ['../../teso/teso_r18_cutouts.py']
