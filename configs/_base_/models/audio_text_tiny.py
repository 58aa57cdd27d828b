# What hears and reads, narrow, for SynthAVS: small enough to train from
# nothing on two CPU cores.
_base_ = ['./audio_text.py']

data_preprocessor = dict(size=None, size_divisor=32, channels_last=True)
model = dict(
    data_preprocessor=data_preprocessor,
    audio_encoder=dict(_delete_=True, type='LogMelStats'),
    prompt_encoder=dict(text_dims=128, embed_dims=256, hidden_dims=512),
    fusion=dict(prompt_dims=256, embed_dims=64, hidden_dims=256),
    frozen=[])
