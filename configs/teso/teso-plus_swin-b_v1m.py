# Our own on top of the paper's parts: the cue loss, sound negatives, cues that
# are projected by their words, a mask for each class that sounds, and pixels
# that attend to what sounds (docs/ablations.md, docs/cutouts.md).
_base_ = ['./teso-cue_swin-b_v1m.py']

model = dict(
    prompt_encoder=dict(linear_text=True, text_dropout=0.3),
    cue_loss=dict(loss_weight=5.0),
    decode_head=dict(
        targets='class',
        fusion=dict()))
load_masks = dict(_base_.load_masks, load_classes=True)
# three in ten training frames get a sound that nothing on screen makes
load_sound = [
    dict(type='LoadAudioClip'),
    dict(type='SoundNegatives'),
    dict(type='AudioToLogMel')
]
train_pipeline = [
    _base_.load_image, load_masks, *_base_.augmentation, *load_sound,
    *_base_.load_cues, _base_.pack
]
train_dataloader = dict(
    dataset=dict(
        pipeline=train_pipeline, off_screen=dict(seed=0, num_donors=16)))
