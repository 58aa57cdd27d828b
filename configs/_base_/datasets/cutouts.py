# The cutouts testbed, real looks and sounds; it is not AVSBench:
#   tools/dataset_converters/prepare_cutouts.py data/cutouts --fetch
# and its text cues by a sentence encoder: configs/text_features/
# all-minilm-l6-v2.py. The generator's own bank, cue_bank.safetensors (128
# dimensions), has no meaning.
_base_ = ['./synthavs.py']

data_root = 'data/cutouts'
dataset = dict(
    data_root=data_root, cue_bank='cue_bank_minilm.safetensors')
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
# known classes; by another picture or recording; classes never trained on
test_dataloader = dict(
    dataset=dict(
        split=['test', 'test_exemplar', 'test_unseen'], **dataset))
test_evaluator = [
    dict(type='AVSMetric', report_by='split'),
    dict(type='CueSelectionMetric', report_by='split'),
    dict(type='CueRecognitionMetric')
]
