# Goes on from the zero-shot model with one clip of each held-out class.
_base_ = [
    '../_base_/models/teso_r18_tiny.py', '../_base_/datasets/synthavs_v3.py',
    '../_base_/schedules/synthavs_few_shot_200it.py',
    '../_base_/default_runtime.py'
]

dataset = dict(setting='1-shot')
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
load_from = 'work_dirs/teso_r18_synthavs-v3-zero-shot/iter_1600.pth'
default_hooks = dict(
    start_checkpoint=dict(
        type='StartCheckpointHook',
        hint='Few-shot training goes on from the zero-shot model: train '
        'configs/v3/teso_r18_synthavs-v3-zero-shot.py, or name its '
        'checkpoint with --cfg-options load_from=FILE'))
