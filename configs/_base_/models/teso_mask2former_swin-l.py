# Mask2Former with Swin-L, pretrained on ADE20K semantic segmentation.
_base_ = ['./teso_mask2former_swin-b.py']

model = dict(
    backbone=dict(embed_dims=192, num_heads=[6, 12, 24, 48]),
    decode_head=dict(in_channels=[192, 384, 768, 1536]))
load_from = 'https://download.openmmlab.com/mmsegmentation/v0.5/mask2former/mask2former_swin-l-in22k-384x384-pre_8xb2-160k_ade20k-640x640/mask2former_swin-l-in22k-384x384-pre_8xb2-160k_ade20k-640x640_20221203_235933-7120c214.pth'  # noqa: E501
