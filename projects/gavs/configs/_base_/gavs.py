# Model and recipe of GAVS, for AVSBench. Leaf configs choose the data.
_base_ = [
    '../../../../configs/_base_/models/teso_sam_vit-b.py',
    '../../../../configs/_base_/datasets/avsbench_binary.py',
    '../../../../configs/_base_/schedules/teso_60e.py',
    '../../../../configs/_base_/default_runtime.py'
]
custom_imports = dict(
    imports=['mmteso', 'mmteso_gavs'], allow_failed_imports=False)

sam = _base_.sam
model = dict(
    backbone=dict(type='ColASAMImageEncoder'),
    prompt_encoder=dict(_delete_=True, type='AudioFeaturePrompt'),
    latent_loss=None,
    # the head and the encoder bring their own
    adapters=None,
    # all of SAM; `frozen` is that of TeSO-SAM
    decode_head=dict(
        _delete_=True,
        type='GAVSHead',
        # as in SAM's own code; transformers' default is 1e-6
        decoder_config=dict(layer_norm_eps=1e-5),
        loss_align=dict(type='AudioVisualTripletLoss'),
        init_cfg=sam))

# No text, no augmentation; consecutive VGGish examples of 0.96 s. SAM's sizes:
# the longer side is 1024, and the data preprocessor fills up the other.
resize = dict(type='Resize', scale=_base_.crop_size, keep_ratio=True)
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
# for TeSO; without cues set it to None. The release's batch is a clip of five
# frames.
train_dataloader = dict(batch_size=5, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    constructor='TrainableOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=1e-3))
param_scheduler = None
auto_scale_lr = dict(base_batch_size=5)
