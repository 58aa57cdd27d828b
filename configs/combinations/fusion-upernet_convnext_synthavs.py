# UPerNet on a narrow ConvNeXt of transformers, told what sounds.
_base_ = ['./fusion-upernet_swin_synthavs.py']

model = dict(
    backbone=dict(
        _delete_=True,
        type='TransformersBackbone',
        model_type='convnext',
        config=dict(
            hidden_sizes=[32, 64, 128, 256],
            depths=[2, 2, 4, 2],
            drop_path_rate=0.1)))
