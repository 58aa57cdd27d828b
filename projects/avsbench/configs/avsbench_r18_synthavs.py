# The baseline, narrow, on SynthAVS: small enough to train from nothing on a
# CPU.
_base_ = ['../../_base_/synthavs.py']
custom_imports = dict(
    imports=['mmteso', 'mmteso_avsbench'], allow_failed_imports=False)

model = dict(
    prompt_encoder=dict(_delete_=True, type='AudioFeaturePrompt'),
    decode_head=dict(
        type='AVSBenchHead',
        in_channels=[32, 64, 128, 256],
        feat_channels=64,
        channels=16))

# batch_size is in clips of five frames
batch_sampler = dict(type='ClipBatchSampler')
train_dataloader = dict(
    batch_size=4,
    sampler=dict(type='InfiniteClipSampler'),
    batch_sampler=batch_sampler)
val_dataloader = dict(
    batch_size=4,
    sampler=dict(type='ClipSampler'),
    batch_sampler=batch_sampler)
test_dataloader = val_dataloader
