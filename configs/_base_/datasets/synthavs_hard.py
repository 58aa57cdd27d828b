# SynthAVS's hard variant:
#   tools/prepare_synthavs.py data/synthavs-hard --variant hard
# Its cue bank composes a cue of its words, 'striped-disc' = striped + disc:
# text knows the parts of unseen combinations.
_base_ = ['./synthavs.py']

data_root = 'data/synthavs-hard'
dataset = dict(data_root=data_root, class_set='synthavs-hard')
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
# combinations of shape and texture that training shows, and others
test_dataloader = dict(
    dataset=dict(split=['test', 'test_unseen'], **dataset))
test_evaluator = [
    dict(type='AVSMetric', report_by='split'),
    dict(type='CueSelectionMetric'),
    dict(type='CueRecognitionMetric', class_set='synthavs-hard')
]
