# ours: a training mask for each class that sounds, not one for all of them
_base_ = ['../../teso/teso_swin-b_v1m.py']

model = dict(decode_head=dict(targets='class'))
train_pipeline = [
    dict(step, load_classes=True)
    if step['type'] == 'LoadAVSAnnotations' else step
    for step in _base_.train_pipeline
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
