# SynthAVS, the embedded test bed:
#   tools/dataset_converters/prepare_synthavs.py data/synthavs
dataset_type = 'AVSBenchDataset'
data_root = 'data/synthavs'
num_cues = 4  # N_T

# The parts of the pipelines. A leaf that changes one puts the pipelines
# together anew, by these names.
load_image = dict(type='LoadImageFromFile')
load_masks = dict(type='LoadAVSAnnotations')
# all visible objects' masks tell the frames where only some of them sound
load_all_masks = dict(type='LoadAVSAnnotations', load_visible=True)
augmentation = [dict(type='RandomFlip', prob=0.5)]
load_sound = [dict(type='LoadAudioClip'), dict(type='AudioToLogMel')]
load_cues = [dict(type='LoadTextCues', num_cues=num_cues)]
# the targets are for CueSelectionMetric; the model does not see them
load_cues_and_targets = [
    dict(type='LoadTextCues', num_cues=num_cues, cue_target='mask')
]
pack = dict(type='PackAVTInputs')
flips = [dict(type='RandomFlip', prob=0.0), dict(type='RandomFlip', prob=1.0)]

train_pipeline = [
    load_image, load_masks, *augmentation, *load_sound, *load_cues, pack
]
test_pipeline = [
    load_image, load_all_masks, *load_sound, *load_cues_and_targets, pack
]
# --tta: the flip comes before the ground truth, since predictions are flipped
# back; sound outside TestTimeAug, where --audio finds it.
tta_pipeline = [
    load_image, *load_sound,
    dict(
        type='TestTimeAug',
        transforms=[
            flips, [load_all_masks],
            *[[step] for step in load_cues_and_targets], [pack]
        ])
]
tta_model = dict(type='AVSTTAModel')

dataset = dict(
    type=dataset_type,
    data_root=data_root,
    cue_file='cues.jsonl',
    cue_bank='cue_bank.safetensors',
    # the generator writes its classes there
    metainfo=dict(classes='label2idx.json'),
    subsets='v2',
    task='binary')
train_dataloader = dict(
    batch_size=16,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(split='train', pipeline=train_pipeline, **dataset))
val_dataloader = dict(
    batch_size=16,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(split='val', pipeline=test_pipeline, **dataset))
test_dataloader = dict(
    batch_size=16,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(split='test', pipeline=test_pipeline, **dataset))
val_evaluator = [dict(type='AVSMetric'), dict(type='CueSelectionMetric')]
test_evaluator = val_evaluator + [dict(type='CueRecognitionMetric')]
