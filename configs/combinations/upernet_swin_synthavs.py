# The control: the same UPerNet without sound and text.
_base_ = ['./fusion-upernet_swin_synthavs.py']

model = dict(
    audio_encoder=None, prompt_encoder=None, fusion=None, latent_loss=None)
# no cues are kept or dropped
val_evaluator = [dict(type='AVSMetric')]
test_evaluator = val_evaluator
