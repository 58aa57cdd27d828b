# AVSBench-semantic release, binary masks of what sounds. Leaf configs choose
# the subset: v1s, v1m, or v2 (AVSS-binary).
dataset_type = 'AVSBenchDataset'
data_root = 'data/avsbench'
cue_file = 'data/avsbench/cues.jsonl'
# ImageBind's embeddings as its package returns them: normalised, then times
# the learned logit scale
text_encoder = dict(
    type='CueBank',
    bank_file='data/avsbench/cue_bank_imagebind.safetensors',
    expect=dict(
        encoder='imagebind_huge',
        dims=1024,
        settings=dict(scaled=True, template='This is a {cue}.')))
num_cues = 4  # N_T
frame_size = (384, 384)
# Some masks of AVSBench have stray pixels of no class's colour. They are
# ignored where they are at most this share of a mask; a mask with more is
# named before training starts. 'background' is what AVSBench's loader makes of
# all of them.
unknown_color = 'ignore'
max_unknown = 0.01
load_masks = dict(
    type='LoadAVSAnnotations',
    unknown_color=unknown_color,
    max_unknown=max_unknown)

load_frame = [
    dict(type='LoadImageFromFile'),
    load_masks,
]
# What happens to picture and masks together (ours; the paper says nothing).
# The sound and the cues' targets are those of the whole frame.
augmentation = [
    dict(type='Resize', scale=frame_size, keep_ratio=False),
    dict(type='RandomFlip', prob=0.5)
]
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
load_prompt = [
    dict(type='LoadAudioClip', clip_hop=1.0),
    dict(type='AudioToLogMel'),
    dict(
        type='LoadTextCues',
        cue_file=cue_file,
        text_encoder=text_encoder,
        num_cues=num_cues),
    dict(type='PackAVTInputs')
]
train_pipeline = [*load_frame, *augmentation, *load_prompt]
# The ground truth is loaded after the resize: predictions are brought to its
# size and scored there.
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=frame_size, keep_ratio=False),
    load_masks,
    dict(type='LoadAudioClip', clip_hop=1.0),
    dict(type='AudioToLogMel'),
    dict(
        type='LoadTextCues',
        cue_file=cue_file,
        text_encoder=text_encoder,
        num_cues=num_cues),
    dict(type='PackAVTInputs')
]
# --tta: the flip comes before the ground truth, since predictions are flipped
# back; sound outside TestTimeAug, where --audio finds it.
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=frame_size, keep_ratio=False),
    dict(type='LoadAudioClip', clip_hop=1.0),
    dict(type='AudioToLogMel'),
    dict(
        type='LoadTextCues',
        cue_file=cue_file,
        text_encoder=text_encoder,
        num_cues=num_cues),
    dict(
        type='TestTimeAug',
        transforms=[[
            dict(type='RandomFlip', prob=0.0),
            dict(type='RandomFlip', prob=1.0)
        ], [load_masks], [dict(type='PackAVTInputs')]])
]
tta_model = dict(type='AVSTTAModel')
dataset = dict(
    type=dataset_type, data_root=data_root, subsets='v1m', task='binary')
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
