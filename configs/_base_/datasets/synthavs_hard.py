# SynthAVS's hard variant:
#   tools/prepare_synthavs.py data/synthavs-hard --variant hard
_base_ = ['./synthavs.py']

data_root = 'data/synthavs-hard'
cue_file = 'data/synthavs-hard/cues.jsonl'
# 'striped-disc' = striped + disc: text knows the parts of unseen combinations.
# Entries with a variance of 1, as ImageBind's text features nearly have (their
# length is up to 100): in vectors of length 1 a new network's biases drown
# what tells the cues apart.
text_encoder = dict(
    type='HashTextEncoder', embed_dims=128, compose=True, normalize=False)
cue_source = dict(cue_file=cue_file, text_encoder=text_encoder)

# the base's, with these cues
train_pipeline = [
    dict(step, **cue_source) if step['type'] == 'LoadTextCues' else step
    for step in _base_.train_pipeline
]
test_pipeline = [
    dict(step, **cue_source) if step['type'] == 'LoadTextCues' else step
    for step in _base_.test_pipeline
]
tta_pipeline = _base_.tta_pipeline[:-1] + [
    dict(
        type='TestTimeAug',
        transforms=[[
            dict(step, **cue_source) if step['type'] == 'LoadTextCues' else
            step for step in steps
        ] for steps in _base_.tta_pipeline[-1]['transforms']])
]
# shapes of almost the same pitch, by texture: nobody can tell them apart
sound_alikes = [[f'{texture}-{shape}' for shape in shapes]
                for texture in ('solid', 'striped', 'dotted', 'checkered')
                for shapes in (('disc', 'ring'), ('star', 'cross'))]
dataset = dict(
    data_root=data_root, metainfo=dict(sound_alikes=sound_alikes))
train_dataloader = dict(dataset=dict(pipeline=train_pipeline, **dataset))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline, **dataset))
# combinations of shape and texture that training shows, and others
test_dataloader = dict(
    dataset=dict(
        split=['test', 'test_unseen'], pipeline=test_pipeline, **dataset))
test_evaluator = [
    dict(type='AVSMetric', report_by='split'),
    dict(type='CueSelectionMetric'),
    dict(type='CueRecognitionMetric')
]
