# With the cue loss, which is ours and not the paper's: it trains the score by
# which the dynamic mask selects, from labels that the paper does not use.
_base_ = ['./teso_r18_synthavs-avss.py']

model = dict(
    cue_loss=dict(type='CueLoss', threshold=0.0, loss_weight=1.0))
train_pipeline = [
    dict(step, cue_target='mask') if step['type'] == 'LoadTextCues' else step
    for step in _base_.train_pipeline
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
