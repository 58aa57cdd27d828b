# Ours: the sounding object features attend over the seconds of their clip. As
# long as the combinations and the peers (docs/peers.md), in batches of four
# clips of five frames.
_base_ = ['../combinations/teso_r18_synthavs-800it.py']

model = dict(prompt_encoder=dict(type='ClipSeDAM'))
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
