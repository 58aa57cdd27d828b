# BEiT-B/16, trained on ImageNet-22k: a copy of
# microsoft/beit-base-patch16-224-pt22k-ft22k of the Hugging Face Hub. Not
# mmseg's BEiT: that one brings positions to another image size with a function
# that SciPy has no more (1.14), transformers' does so by itself.
_base_ = ['./teso_vit-b_v1m.py']
model = dict(
    backbone=dict(
        _delete_=True,
        type='TransformersBackbone',
        model_type='beit',
        config=dict(use_relative_position_bias=True),
        out_indices=(3, 5, 7, 11),
        init_cfg=dict(
            type='Pretrained',
            checkpoint='checkpoints/beit-base-patch16-224-pt22k-ft22k')))
