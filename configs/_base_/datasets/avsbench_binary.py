# AVSBench-semantic release, binary masks of what sounds. Leaf configs choose
# the subset: v1s, v1m, or v2 (AVSS-binary).
dataset_type = 'AVSBenchDataset'
data_root = 'data/avsbench'
num_cues = 4  # N_T
frame_size = (384, 384)

# The parts of the pipelines. A leaf that changes one puts the pipelines
# together anew, by these names.
load_image = dict(type='LoadImageFromFile')
resize = dict(type='Resize', scale=frame_size, keep_ratio=False)
# Some masks of AVSBench have stray pixels of no class's colour. They are
# ignored where they are at most this share of a mask; a mask with more is
# named before training starts. 'background' is what AVSBench's loader makes of
# all of them.
load_masks = dict(
    type='LoadAVSAnnotations', unknown_color='ignore', max_unknown=0.01)
# What happens to picture and masks together (ours; the paper says nothing).
# The sound and the cues' targets are those of the whole frame.
augmentation = [resize, dict(type='RandomFlip', prob=0.5)]
# mmseg's Mask2Former's, for a leaf: docs/recipe.md#augmentation
mask2former_augmentation = [
    dict(
        type='RandomResize',
        scale=frame_size,
        ratio_range=(0.5, 2.0),
        keep_ratio=False),
    dict(type='RandomCrop', crop_size=frame_size, cat_max_ratio=0.75),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion')
]
load_sound = [
    dict(type='LoadAudioClip', clip_hop=1.0),
    dict(type='AudioToLogMel')
]
load_cues = [dict(type='LoadTextCues', num_cues=num_cues)]
pack = dict(type='PackAVTInputs')
flip_views = dict(
    type='TestTimeAug',
    transforms=[[
        dict(type='RandomFlip', prob=0.0),
        dict(type='RandomFlip', prob=1.0)
    ], [load_masks], [pack]])

train_pipeline = [
    load_image, load_masks, *augmentation, *load_sound, *load_cues, pack
]
# The ground truth is loaded after the resize: predictions are brought to its
# size and scored there.
test_pipeline = [
    load_image, resize, load_masks, *load_sound, *load_cues, pack
]
# --tta: the flip comes before the ground truth, since predictions are flipped
# back; sound outside TestTimeAug, where --audio finds it.
tta_pipeline = [load_image, resize, *load_sound, *load_cues, flip_views]
tta_model = dict(type='AVSTTAModel')

dataset = dict(
    type=dataset_type,
    data_root=data_root,
    cue_file='cues.jsonl',
    # ImageBind's embeddings as its package returns them: normalised, then
    # times the learned logit scale
    cue_bank='cue_bank_imagebind.safetensors',
    subsets='v1m',
    task='binary')
train_dataloader = dict(
    batch_size=2,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(split='train', pipeline=train_pipeline, **dataset))
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(split='val', pipeline=test_pipeline, **dataset))
test_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(split='test', pipeline=test_pipeline, **dataset))
val_evaluator = dict(type='AVSMetric')
test_evaluator = val_evaluator
