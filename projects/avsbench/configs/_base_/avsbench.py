# Model and recipe of AVSBench's baseline, for AVSBench's binary subsets. Leaf
# configs choose backbone and subset.
_base_ = [
    '../../../../configs/_base_/models/audio_text.py',
    '../../../../configs/_base_/datasets/avsbench_binary.py',
    '../../../../configs/_base_/schedules/teso_60e.py',
    '../../../../configs/_base_/default_runtime.py'
]
custom_imports = dict(
    imports=['mmteso', 'mmteso_avsbench'], allow_failed_imports=False)

frame_size = (224, 224)
data_preprocessor = dict(size=frame_size)
model = dict(
    data_preprocessor=data_preprocessor,
    prompt_encoder=dict(_delete_=True, type='AudioFeaturePrompt'),
    fusion=None,
    latent_loss=None,
    # the last two as in the release, whose checkpoints then fit
    decode_head=dict(
        type='AVSBenchHead', align_corners=True, relu_skip=True))

# No text, no augmentation; consecutive VGGish examples of 0.96 s, as
# AVSBench's own preprocessing has them.
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

# batch_size is in clips. cue_file, which the model doesn't read, pairs clips
# for off-screen sound as for TeSO; without cues set it to None.
batch_sampler = dict(type='ClipBatchSampler')
train_dataloader = dict(
    batch_size=4,
    sampler=dict(type='ClipSampler'),
    batch_sampler=batch_sampler,
    dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(
    sampler=dict(type='ClipSampler'),
    batch_sampler=batch_sampler,
    dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    constructor='TrainableOptimWrapperConstructor',
    optimizer=dict(type='Adam', lr=1e-4))
param_scheduler = None
train_cfg = dict(max_epochs=30)
auto_scale_lr = dict(base_batch_size=4)
