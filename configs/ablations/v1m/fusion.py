# ours: sound and text reach the pixels, too
_base_ = ['../../teso/teso-cue_swin-b_v1m.py']

model = dict(
    fusion=dict(
        type='AudioTextFusion',
        in_channels=[128, 256, 512, 1024],
        prompt_dims=1024))
