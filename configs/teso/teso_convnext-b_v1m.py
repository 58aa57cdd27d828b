_base_ = [
    '../_base_/models/teso_new-decoder.py',
    '../_base_/datasets/avsbench_binary.py',
    '../_base_/schedules/teso_60e_new-decoder.py',
    '../_base_/default_runtime.py'
]
# ConvNeXt-B, trained on ImageNet-22k and -1k at 384 x 384: a copy of
# facebook/convnext-base-384-22k-1k of the Hugging Face Hub.
model = dict(
    backbone=dict(
        _delete_=True,
        type='TransformersBackbone',
        model_type='convnext',
        config=dict(
            hidden_sizes=[128, 256, 512, 1024],
            depths=[3, 3, 27, 3],
            drop_path_rate=0.4),
        init_cfg=dict(
            type='Pretrained',
            checkpoint='checkpoints/convnext-base-384-22k-1k')),
    # Convolutions have no attention to adapt, and the normalisations of the
    # maps are new: the backbone trains, at 1e-4.
    adapters=None,
    frozen=['audio_encoder'])
