# With the cue loss, which is ours and not the paper's: it trains the score by
# which the dynamic mask selects, from labels that the paper does not use.
_base_ = ['./teso_r18_synthavs-avss.py']

model = dict(
    cue_loss=dict(type='CueLoss', threshold=0.0, loss_weight=1.0))
train_pipeline = _base_.train_pipeline
train_pipeline[-2].update(cue_target='mask')
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
