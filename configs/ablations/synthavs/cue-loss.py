# ours: the cue loss trains the score by which the dynamic mask selects
_base_ = ['./full.py']

model = dict(
    cue_loss=dict(type='CueLoss', threshold=0.0, loss_weight=1.0))
train_pipeline = [
    dict(step, cue_target='mask') if step['type'] == 'LoadTextCues' else step
    for step in _base_.train_pipeline
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
