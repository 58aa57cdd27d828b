# AVSegFormer, narrow, on SynthAVS: small enough to train from nothing on a
# CPU.
_base_ = ['../../_base_/synthavs.py']
custom_imports = dict(
    imports=['mmteso', 'mmteso_avsegformer'], allow_failed_imports=False)

feat_channels = 64
model = dict(
    prompt_encoder=dict(
        _delete_=True, type='AudioProjectionPrompt', embed_dims=feat_channels),
    decode_head=dict(
        type='AVSegFormerHead',
        in_channels=[32, 64, 128, 256],
        feat_channels=feat_channels,
        mid_channels=32,
        channels=16,
        num_queries=16,
        num_layers=(2, 1, 3),
        num_heads=4,
        ffn_channels=256,
        generator_channels=128,
        dropout=0.,
        num_groups=8,
        # One frame in seven is silent, and the dice loss has no gradient
        # there: cross entropy beside it.
        loss_decode=[
            dict(type='FrameDiceLoss'),
            dict(
                type='CrossEntropyLoss',
                use_sigmoid=True,
                avg_non_ignore=True)
        ]))
