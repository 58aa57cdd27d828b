_base_ = ['./full.py']

model = dict(
    audio_encoder=None,
    prompt_encoder=None,
    latent_loss=None,
    decode_head=dict(pmqs=None))
# no cue is scored
val_evaluator = [dict(type='AVSMetric')]
test_evaluator = [dict(type='AVSMetric', report_by='split')]
