_base_ = ['../../teso/teso_swin-b_v1m.py']

frozen = _base_.model.frozen
frozen.remove('audio_encoder')
model = dict(
    audio_encoder=None,
    prompt_encoder=None,
    latent_loss=None,
    frozen=frozen,
    decode_head=dict(pmqs=None))
