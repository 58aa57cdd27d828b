# Goes on from the zero-shot model for ten epochs, as the authors' README says,
# with one clip of each unseen class.
_base_ = ['./gavs_sam-vit-b_v3-zero-shot.py']

dataset = dict(setting='1-shot')
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
train_cfg = dict(max_epochs=10)
load_from = 'work_dirs/gavs_sam-vit-b_v3-zero-shot/epoch_60.pth'
default_hooks = dict(
    start_checkpoint=dict(
        type='StartCheckpointHook',
        hint='Few-shot training goes on from the zero-shot model: train '
        'projects/gavs/configs/gavs_sam-vit-b_v3-zero-shot.py, or name its '
        'checkpoint with --cfg-options load_from=FILE'))
