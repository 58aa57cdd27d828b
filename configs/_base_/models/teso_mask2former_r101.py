# Mask2Former with ResNet-101, pretrained on ADE20K semantic segmentation.
_base_ = ['./teso_mask2former_r50.py']

model = dict(backbone=dict(depth=101))
load_from = 'https://download.openmmlab.com/mmsegmentation/v0.5/mask2former/mask2former_r101_8xb2-160k_ade20k-512x512/mask2former_r101_8xb2-160k_ade20k-512x512_20221203_233905-b7135890.pth'  # noqa: E501
