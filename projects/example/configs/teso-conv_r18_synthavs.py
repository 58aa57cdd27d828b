# TeSO on SynthAVS with LogMelConv, which is trained along, in LogMelStats'
# place.
_base_ = ['../../../configs/teso/teso_r18_synthavs.py']

# Registers what configs name, of both packages. A list replaces that of the
# base, so mmteso is said again.
custom_imports = dict(
    imports=['mmteso', 'mmteso_example'], allow_failed_imports=False)

audio_dims = 128  # D_a: what the encoder gives and SeDAM takes
model = dict(
    audio_encoder=dict(
        _delete_=True, type='LogMelConv', embed_dims=audio_dims),
    prompt_encoder=dict(audio_dims=audio_dims))
