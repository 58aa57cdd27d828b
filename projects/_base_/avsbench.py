# Data and recipe of peers that read no text, for AVSBench: frames of 224 x
# 224, no augmentation, and consecutive VGGish examples of 0.96 s, as in
# AVSBench's own preprocessing.
_base_ = [
    '../../configs/_base_/models/audio_text.py',
    '../../configs/_base_/datasets/avsbench_binary.py',
    '../../configs/_base_/schedules/teso_60e.py',
    '../../configs/_base_/default_runtime.py'
]

frame_size = (224, 224)
data_preprocessor = dict(size=frame_size)
model = dict(
    data_preprocessor=data_preprocessor, fusion=None, latent_loss=None)

resize = dict(type='Resize', scale=frame_size, keep_ratio=False)
load_sound = [
    dict(type='LoadAudioClip', clip_hop=0.96),
    dict(type='AudioToLogMel')
]
train_pipeline = [
    _base_.load_image, _base_.load_masks, resize, *load_sound, _base_.pack
]
test_pipeline = [
    _base_.load_image, resize, _base_.load_masks, *load_sound, _base_.pack
]
tta_pipeline = [_base_.load_image, resize, *load_sound, _base_.flip_views]
# cue_file, which the model doesn't read, pairs clips for off-screen sound as
# for TeSO; without cues set it to None.
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
param_scheduler = None
