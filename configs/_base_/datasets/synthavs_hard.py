# SynthAVS's hard variant:
#   tools/dataset_converters/prepare_synthavs.py data/synthavs-hard \
#       --variant hard
# Its cue bank composes a cue of its words, 'striped-disc' = striped + disc:
# text knows the parts of unseen combinations.
_base_ = ['./synthavs.py']

data_root = 'data/synthavs-hard'
# shapes of almost the same pitch, by texture: nobody can tell them apart
sound_alikes = [[f'{texture}-{shape}' for shape in shapes]
                for texture in ('solid', 'striped', 'dotted', 'checkered')
                for shapes in (('disc', 'ring'), ('star', 'cross'))]
dataset = dict(
    data_root=data_root, metainfo=dict(sound_alikes=sound_alikes))
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
# combinations of shape and texture that training shows, and others
test_dataloader = dict(
    dataset=dict(split=['test', 'test_unseen'], **dataset))
test_evaluator = [
    dict(type='AVSMetric', report_by='split'),
    dict(type='CueSelectionMetric'),
    dict(type='CueRecognitionMetric')
]
