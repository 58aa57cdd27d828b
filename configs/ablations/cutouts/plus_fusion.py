# ours: plus, and sound and text reach the pixels, too
_base_ = ['./plus.py']

model = dict(
    fusion=dict(
        type='AudioTextFusion',
        in_channels=[24, 40, 112, 320],
        prompt_dims=256,
        embed_dims=64,
        hidden_dims=256))
