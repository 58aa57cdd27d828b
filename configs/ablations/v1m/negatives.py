# ours: three in ten training frames get a sound that nothing on screen makes
_base_ = ['../../teso/teso-cue_swin-b_v1m.py']

load_sound = [
    dict(type='LoadAudioClip'),
    dict(type='SoundNegatives'),
    dict(type='AudioToLogMel')
]
train_pipeline = [
    _base_.load_image, _base_.load_masks, *_base_.augmentation, *load_sound,
    *_base_.load_cues, _base_.pack
]
train_dataloader = dict(
    dataset=dict(
        pipeline=train_pipeline, off_screen=dict(seed=0, num_donors=16)))
