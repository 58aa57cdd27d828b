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
load_sound = [
    dict(type='LoadAudioClip', clip_hop=1.0),
    dict(type='AudioToFbank')
]
train_pipeline = [
    _base_.load_image, _base_.load_masks, *_base_.augmentation, *load_sound,
    *_base_.load_cues, _base_.pack
]
test_pipeline = [
    _base_.load_image, _base_.resize, _base_.load_masks, *load_sound,
    *_base_.load_cues, _base_.pack
]
tta_pipeline = [
    _base_.load_image, _base_.resize, *load_sound, *_base_.load_cues,
    _base_.flip_views
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
