# SynthAVS with two of its eight classes held out; it is not AVS-V3.
#   tools/prepare_synthavs.py data/synthavs-v3 --videos 1040
#   tools/prepare_synthavs_v3.py data/synthavs-v3
_base_ = ['./synthavs.py']

data_root = 'data/synthavs-v3'
cue_file = 'data/synthavs-v3/cues.jsonl'
# the base's, with these cues
train_pipeline = [
    dict(step, cue_file=cue_file) if step['type'] == 'LoadTextCues' else step
    for step in _base_.train_pipeline
]
test_pipeline = [
    dict(step, cue_file=cue_file) if step['type'] == 'LoadTextCues' else step
    for step in _base_.test_pipeline
]
tta_pipeline = _base_.tta_pipeline[:-1] + [
    dict(
        type='TestTimeAug',
        transforms=[[
            dict(step, cue_file=cue_file)
            if step['type'] == 'LoadTextCues' else step for step in steps
        ] for steps in _base_.tta_pipeline[-1]['transforms']])
]
dataset = dict(
    type='AVSBenchV3Dataset', setting='zero-shot', data_root=data_root)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline, **dataset))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline, **dataset))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline, **dataset))
