# For plain heads behind AudioTextFusion (ours; 60 epochs have not been tried):
# SegFormer's recipe of mmseg, 6e-5 for a backbone from ImageNet and ten times
# that for all that starts from nothing, after a warm-up. MaskFormer and K-Net
# have rates of their own.
_base_ = ['./teso_60e.py']

optim_wrapper = dict(
    optimizer=dict(lr=6e-4, weight_decay=0.01),
    clip_grad=dict(max_norm=1.0, norm_type=2))
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-3,
        by_epoch=True,
        begin=0,
        end=2,
        convert_to_iter_based=True),
    dict(
        type='PolyLR',
        eta_min=0,
        power=0.9,
        begin=2,
        end=60,
        by_epoch=True,
        convert_to_iter_based=True)
]
