# Mask2Former with Swin-S, pretrained on ADE20K semantic segmentation.
_base_ = ['./teso_mask2former_swin-t.py']

model = dict(backbone=dict(depths=[2, 2, 18, 2]))
load_from = 'https://download.openmmlab.com/mmsegmentation/v0.5/mask2former/mask2former_swin-s_8xb2-160k_ade20k-512x512/mask2former_swin-s_8xb2-160k_ade20k-512x512_20221204_143905-e715144e.pth'  # noqa: E501
