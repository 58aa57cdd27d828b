# SynthAVS, the embedded test bed: tools/prepare_synthavs.py data/synthavs
dataset_type = 'AVSBenchDataset'
data_root = 'data/synthavs'
cue_file = 'data/synthavs/cues.jsonl'
text_encoder = dict(type='HashTextEncoder', embed_dims=128)
num_cues = 4  # N_T

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAVSAnnotations'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='LoadAudioClip'),
    dict(type='AudioToLogMel'),
    dict(
        type='LoadTextCues',
        cue_file=cue_file,
        text_encoder=text_encoder,
        num_cues=num_cues),
    dict(type='PackAVTInputs')
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    # all visible objects' masks tell the frames where only some of them sound
    dict(type='LoadAVSAnnotations', load_visible=True),
    dict(type='LoadAudioClip'),
    dict(type='AudioToLogMel'),
    dict(
        type='LoadTextCues',
        cue_file=cue_file,
        text_encoder=text_encoder,
        num_cues=num_cues,
        # for CueSelectionMetric; the model does not see it
        cue_target='mask'),
    dict(type='PackAVTInputs')
]
# --tta: the flip comes before the ground truth, since predictions are flipped
# back; sound outside TestTimeAug, where --audio finds it.
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAudioClip'),
    dict(type='AudioToLogMel'),
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(type='RandomFlip', prob=0.0),
                dict(type='RandomFlip', prob=1.0)
            ],
            [dict(type='LoadAVSAnnotations', load_visible=True)],
            [
                dict(
                    type='LoadTextCues',
                    cue_file=cue_file,
                    text_encoder=text_encoder,
                    num_cues=num_cues,
                    cue_target='mask')
            ],
            [dict(type='PackAVTInputs')],
        ])
]
tta_model = dict(type='AVSTTAModel')
dataset = dict(
    type=dataset_type,
    data_root=data_root,
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
