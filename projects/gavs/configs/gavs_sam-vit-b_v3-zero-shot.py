# AVS-V3: classes that training never showed. The authors' lists lie in
# data/avsbench/v3.
_base_ = ['./_base_/gavs.py']

dataset = dict(
    type='AVSBenchV3Dataset', setting='zero-shot', subsets=['v1m', 'v2'])
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
