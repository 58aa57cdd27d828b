# Ours: the sounding object features attend over the seconds of their clip.
# Batches are of whole clips, two of five frames as the release's.
_base_ = ['./teso_swin-b_v1m.py']

model = dict(prompt_encoder=dict(type='ClipSeDAM'))
batch_sampler = dict(type='ClipBatchSampler')
train_dataloader = dict(
    sampler=dict(type='ClipSampler'), batch_sampler=batch_sampler)
val_dataloader = dict(
    sampler=dict(type='ClipSampler', shuffle=False),
    batch_sampler=batch_sampler)
test_dataloader = val_dataloader
auto_scale_lr = dict(base_batch_size=2)
