# Semantic segmentation of all clips: cross entropy over 71 classes, and the
# mixer's loss on whatever sounds.
_base_ = ['./avsegformer_pvtv2-b5_v1m.py']

model = dict(
    decode_head=dict(
        num_classes=71,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True)))
dataset = dict(subsets=['v1s', 'v1m', 'v2'], task='semantic')
# four clips of ten frames
train_dataloader = dict(batch_size=40, dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
val_evaluator = dict(_delete_=True, type='AVSSMetric')
test_evaluator = val_evaluator
train_cfg = dict(max_epochs=30)
auto_scale_lr = dict(base_batch_size=40)
default_hooks = dict(checkpoint=dict(save_best='avss/mIoU'))
