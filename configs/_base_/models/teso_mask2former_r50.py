# Mask2Former with ResNet-50, pretrained on ADE20K semantic segmentation.
_base_ = ['./teso_mask2former_swin-b.py']

model = dict(
    backbone=dict(
        _delete_=True,
        type='ResNet',
        depth=50,
        deep_stem=False,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        frozen_stages=-1,
        norm_cfg=dict(type='BN', requires_grad=False),
        style='pytorch'),
    # a ResNet has no window attention to adapt
    adapters=dict(kinds=('deformable', 'cross')),
    decode_head=dict(in_channels=[256, 512, 1024, 2048]))
load_from = 'https://download.openmmlab.com/mmsegmentation/v0.5/mask2former/mask2former_r50_8xb2-160k_ade20k-512x512/mask2former_r50_8xb2-160k_ade20k-512x512_20221204_000055-2d1f55f1.pth'  # noqa: E501
