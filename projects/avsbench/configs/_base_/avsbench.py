# Model and recipe of AVSBench's baseline, for AVSBench's binary subsets. Leaf
# configs choose backbone and subset.
_base_ = ['../../../_base_/avsbench.py']
custom_imports = dict(
    imports=['mmteso', 'mmteso_avsbench'], allow_failed_imports=False)

model = dict(
    prompt_encoder=dict(_delete_=True, type='AudioFeaturePrompt'),
    # the last two as in the release, whose checkpoints then fit
    decode_head=dict(
        type='AVSBenchHead', align_corners=True, relu_skip=True))

# batch_size is in clips
batch_sampler = dict(type='ClipBatchSampler')
train_dataloader = dict(
    batch_size=4,
    sampler=dict(type='ClipSampler'),
    batch_sampler=batch_sampler)
val_dataloader = dict(
    sampler=dict(type='ClipSampler'), batch_sampler=batch_sampler)
test_dataloader = val_dataloader

optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    constructor='TrainableOptimWrapperConstructor',
    optimizer=dict(type='Adam', lr=1e-4))
train_cfg = dict(max_epochs=30)
auto_scale_lr = dict(base_batch_size=4)
