# TeSO as the paper describes it, on the cutouts testbed: 800 iterations from a
# start that segments whatever is visible (ablations/cutouts/pretrain.py).
_base_ = [
    '../_base_/models/teso_efficientnet-lite0_tiny.py',
    '../_base_/datasets/cutouts.py',
    '../_base_/schedules/synthavs_800it.py',
    '../_base_/default_runtime.py'
]

model = dict(
    # of the training split's 64 means and 64 deviations, over all bands
    audio_encoder=dict(mean=(2.8, 0.65), std=(1.5, 0.41)),
    prompt_encoder=dict(text_dims=384),
    frozen=['backbone', 'decode_head.pixel_decoder'],
    decode_head=dict(train_cfg=dict(num_points=512)))
train_dataloader = dict(batch_size=12)
load_from = 'work_dirs/ablations/cutouts/pretrain.pth'
