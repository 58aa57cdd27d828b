# Ours: the sounding object features attend over the seconds of their clip.
# Batches are of four clips of five frames.
_base_ = ['./teso_efficientnet-lite0_cutouts.py']

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
