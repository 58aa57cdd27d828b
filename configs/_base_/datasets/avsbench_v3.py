# AVS-V3: classes that training never showed. GAVS's lists lie in
# data/avsbench/v3. Leaf configs choose the setting.
_base_ = ['./avsbench_binary.py']

dataset = dict(
    type='AVSBenchV3Dataset', setting='zero-shot', subsets=['v1m', 'v2'])
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
