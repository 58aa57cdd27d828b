# TeSO as the paper describes it, on SynthAVS's hard variant.
_base_ = [
    '../../_base_/models/teso_r18_tiny.py',
    '../../_base_/datasets/synthavs_hard.py',
    '../../_base_/schedules/synthavs_800it.py',
    '../../_base_/default_runtime.py'
]

model = dict(
    # of the training split's 64 means and 64 deviations, over all bands
    audio_encoder=dict(mean=(3.2, 0.29), std=(1.6, 0.15)),
    frozen=['backbone', 'decode_head.pixel_decoder'],
    decode_head=dict(train_cfg=dict(num_points=256)))
train_dataloader = dict(batch_size=8)
# from pretrain.py and pretrain-binary.py; tools/run_ablations.py makes it
load_from = 'work_dirs/ablations/synthavs/pretrain-binary.pth'
