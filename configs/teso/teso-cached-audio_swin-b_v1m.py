# Audio features from a file instead of VGGish in every step: the same
# training (to rounding), for many epochs over the same sound. The file:
#   python tools/extract_audio_features.py configs/teso/teso_swin-b_v1m.py \
#       --out data/avsbench/audio_vggish.safetensors
_base_ = ['./teso_swin-b_v1m.py']

audio_features = dict(
    type='LoadAudioFeatures',
    feature_file='audio_vggish.safetensors',
    # the model compares encoder and weights with its own; how the sound was
    # cut is said here
    expect=dict(
        encoder='VGGish',
        dims=128,
        settings=dict(sound='waveform', clip_hop=1.0, last_clip='aligned')))
# In place of LoadAudioClip and AudioToLogMel. The test pipeline keeps these,
# and the model its audio encoder: muted and replaced sound is encoded as it
# is heard.
train_pipeline = [
    _base_.load_image, _base_.load_masks, *_base_.augmentation, audio_features,
    *_base_.load_cues, _base_.pack
]
val_pipeline = [
    _base_.load_image, _base_.resize, _base_.load_masks, audio_features,
    *_base_.load_cues, _base_.pack
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
