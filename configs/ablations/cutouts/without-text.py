_base_ = ['./full.py']

model = dict(
    prompt_encoder=dict(
        _delete_=True,
        type='AudioPrompt',
        audio_dims=128,
        embed_dims=256,
        hidden_dims=512,
        num_latents=4))
# no cue is scored
val_evaluator = [dict(type='AVSMetric')]
test_evaluator = [dict(type='AVSMetric', report_by='split')]
