# SynthAVS with two of its eight classes held out; it is not AVS-V3.
#   tools/dataset_converters/prepare_synthavs.py data/synthavs-v3 --videos 1040
#   tools/dataset_converters/prepare_synthavs_v3.py data/synthavs-v3
_base_ = ['./synthavs.py']

data_root = 'data/synthavs-v3'
dataset = dict(
    type='AVSBenchV3Dataset', setting='zero-shot', data_root=data_root)
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
