_base_ = ['../../teso/teso_swin-b_v1m.py']

model = dict(
    prompt_encoder=dict(
        _delete_=True,
        type='ConcatPrompt',
        audio_dims=128,
        text_dims=1024,
        embed_dims=1024,
        hidden_dims=2048),
    # there are no latents
    latent_loss=None)
