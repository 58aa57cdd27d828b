_base_ = ['./full.py']

model = dict(
    audio_encoder=None,
    prompt_encoder=None,
    latent_loss=None,
    decode_head=dict(pmqs=None))
