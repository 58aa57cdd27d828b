# ours: the cue loss trains the score by which the dynamic mask selects
_base_ = ['./full.py']

model = dict(
    cue_loss=dict(type='CueLoss', threshold=0.0, loss_weight=1.0))
train_pipeline = _base_.train_pipeline
train_pipeline[-2].update(cue_target='mask')
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
