# Model and recipe of AuralSAM2, for AVSBench's binary subsets. Leaf configs
# choose the size of SAM 2 and the subset.
_base_ = [
    '../../../../configs/_base_/models/audio_text.py',
    '../../../../configs/_base_/datasets/avsbench_binary.py',
    '../../../../configs/_base_/schedules/teso_60e.py',
    '../../../../configs/_base_/default_runtime.py'
]
custom_imports = dict(
    imports=['mmteso', 'mmteso_auralsam2'], allow_failed_imports=False)

frame_size = (1024, 1024)
data_preprocessor = dict(size=frame_size)
model = dict(
    data_preprocessor=data_preprocessor,
    backbone=dict(type='SAM2ImageEncoder'),
    prompt_encoder=dict(_delete_=True, type='StereoPrompt'),
    fusion=None,
    latent_loss=None,
    # all of SAM 2: the fuser alone trains
    frozen=[
        'backbone', 'audio_encoder', 'decode_head.mask_decoder',
        'decode_head.no_mask_embed', 'decode_head.no_memory_embed'
    ],
    decode_head=dict(
        type='AuralSAM2Head',
        # as the authors' checkpoints were trained
        fuser=dict(type='AuralFuser', joint=True),
        loss_contrast=dict(type='AudioContrastiveLoss')))

# No text; consecutive VGGish examples of 0.96 s. The release also turns,
# shears and recolours the frames of training.
resize = dict(type='Resize', scale=frame_size, keep_ratio=False)
load_sound = [
    dict(type='LoadAudioClip', clip_hop=0.96),
    dict(type='AudioToLogMel')
]
train_pipeline = [
    _base_.load_image, _base_.load_masks, resize,
    dict(type='RandomFlip', prob=0.5), *load_sound, _base_.pack
]
test_pipeline = [
    _base_.load_image, resize, _base_.load_masks, *load_sound, _base_.pack
]
tta_pipeline = [_base_.load_image, resize, *load_sound, _base_.flip_views]

# batch_size is in clips: with joint=True one, whose frames hear one another.
# cue_file, which the model doesn't read, pairs clips for off-screen sound as
# for TeSO; without cues set it to None.
batch_sampler = dict(type='ClipBatchSampler')
train_dataloader = dict(
    batch_size=1,
    sampler=dict(type='ClipSampler'),
    batch_sampler=batch_sampler,
    dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(
    sampler=dict(type='ClipSampler'),
    batch_sampler=batch_sampler,
    dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

# on 4 GPUs; batch norms are of one clip on each, as in the release
sync_bn = None
max_epochs = 140
optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    constructor='TrainableOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=1e-4, weight_decay=0.05),
    paramwise_cfg=dict(norm_decay_mult=0.0))
param_scheduler = [
    dict(
        type='PolyLR',
        eta_min=0,
        power=0.9,
        begin=0,
        end=max_epochs,
        by_epoch=True,
        convert_to_iter_based=True)
]
train_cfg = dict(max_epochs=max_epochs)
auto_scale_lr = dict(base_batch_size=4)
