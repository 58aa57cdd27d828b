_base_ = ['./full.py']

model = dict(
    audio_encoder=None,
    prompt_encoder=dict(
        _delete_=True,
        type='TextPrompt',
        text_dims=128,
        embed_dims=256,
        hidden_dims=512),
    # there are no latents
    latent_loss=None)
# no cue is scored
val_evaluator = [dict(type='AVSMetric')]
test_evaluator = [dict(type='AVSMetric', report_by='split')]
