_base_ = [
    '../_base_/models/teso_new-decoder.py',
    '../_base_/datasets/avsbench_binary.py',
    '../_base_/schedules/teso_60e_new-decoder.py',
    '../_base_/default_runtime.py'
]
# ViT-B/16 as Segmenter takes it, trained on ImageNet at 384 x 384; OpenMMLab's
# file. It gives maps of one size, of which the neck makes a pyramid.
crop_size = (384, 384)
model = dict(
    # what the weights were trained with
    data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3),
    backbone=dict(
        _delete_=True,
        type='VisionTransformer',
        img_size=crop_size,
        patch_size=16,
        embed_dims=768,
        num_layers=12,
        num_heads=12,
        out_indices=(2, 5, 8, 11),
        norm_cfg=dict(type='LN', eps=1e-6),
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://download.openmmlab.com/mmsegmentation/v0.5/pretrain/segmenter/vit_base_p16_384_20220308-96dfe169.pth'  # noqa: E501
        )),
    neck=dict(
        type='Feature2Pyramid', embed_dim=768, norm_cfg=dict(type='BN')),
    adapters=dict(kinds=('global', )),
    decode_head=dict(in_channels=[768] * 4))
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys=dict(neck=dict(lr_mult=0.1))))
# the neck has a BN; on several GPUs mmengine makes SyncBN of it
sync_bn = 'torch'
