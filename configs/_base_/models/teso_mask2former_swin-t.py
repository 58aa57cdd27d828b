# Mask2Former with Swin-T, pretrained on ADE20K semantic segmentation.
_base_ = ['./teso_mask2former_swin-b.py']

model = dict(
    backbone=dict(
        pretrain_img_size=224,
        embed_dims=96,
        depths=[2, 2, 6, 2],
        num_heads=[3, 6, 12, 24],
        window_size=7),
    decode_head=dict(in_channels=[96, 192, 384, 768]))
load_from = 'https://download.openmmlab.com/mmsegmentation/v0.5/mask2former/mask2former_swin-t_8xb2-160k_ade20k-512x512/mask2former_swin-t_8xb2-160k_ade20k-512x512_20221203_234230-7d64e5dd.pth'  # noqa: E501
