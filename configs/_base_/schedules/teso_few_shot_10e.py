# Few-shot training on AVS-V3: 10 more epochs, as GAVS's README says; TeSO's
# paper gives no schedule. Rates and decay are those of the long training
# (ours). Each epoch is validated on the seen classes, GAVS's choice too, so
# best_J_* is the checkpoint that forgot least; epoch_10.pth is the last one.
_base_ = ['./teso_60e.py']

max_epochs = 10
param_scheduler = [
    # an epoch has a few iterations
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=10),
    dict(
        type='PolyLR',
        eta_min=0,
        power=0.9,
        begin=0,
        end=max_epochs,
        by_epoch=True,
        convert_to_iter_based=True)
]
train_cfg = dict(max_epochs=max_epochs)
