_base_ = ['../../teso/teso_swin-b_v1m.py']

frozen = _base_.model.frozen
frozen.remove('audio_encoder')
model = dict(
    audio_encoder=None,
    prompt_encoder=dict(
        _delete_=True,
        type='TextPrompt',
        text_dims=1024,
        embed_dims=1024,
        hidden_dims=2048),
    # there are no latents
    latent_loss=None,
    frozen=frozen)
