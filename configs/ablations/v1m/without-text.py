_base_ = ['../../teso/teso_swin-b_v1m.py']

model = dict(
    prompt_encoder=dict(
        _delete_=True,
        type='AudioPrompt',
        audio_dims=128,
        embed_dims=1024,
        hidden_dims=2048,
        num_latents=4))
