# Goes on from the zero-shot model with one clip of each unseen class.
_base_ = [
    '../_base_/models/teso_mask2former_swin-b.py',
    '../_base_/datasets/avsbench_v3.py',
    '../_base_/schedules/teso_few_shot_10e.py',
    '../_base_/default_runtime.py'
]

dataset = dict(setting='1-shot')
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
load_from = 'work_dirs/teso_swin-b_v3-zero-shot/epoch_60.pth'
default_hooks = dict(
    start_checkpoint=dict(
        type='StartCheckpointHook',
        hint='Few-shot training goes on from the zero-shot model: train '
        'configs/v3/teso_swin-b_v3-zero-shot.py, or name its checkpoint with '
        '--cfg-options load_from=FILE'))
