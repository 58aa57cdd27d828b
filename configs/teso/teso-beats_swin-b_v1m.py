# BEATs in VGGish's place, a row of the paper. Needs `pip install speechbrain`.
# Not run yet with the real weights.
_base_ = ['./teso_swin-b_v1m.py']

model = dict(
    audio_encoder=dict(
        _delete_=True,
        type='BEATs',
        init_cfg=dict(
            type='Pretrained',
            checkpoint='checkpoints/BEATs_iter3_plus_AS2M.pt')),
    prompt_encoder=dict(audio_dims=768))
front_end = dict(type='AudioToFbank')
train_pipeline = _base_.train_pipeline
train_pipeline[5] = front_end
test_pipeline = _base_.test_pipeline
test_pipeline[4] = front_end
tta_pipeline = _base_.tta_pipeline
tta_pipeline[3] = front_end
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
