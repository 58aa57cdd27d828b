# The paper's schedule: AdamW, 1e-4 for the adapters of the visual encoder and
# 1e-3 for the rest, about 60 epochs. The rest it does not give (ours): weight
# decay and its polynomial are as in mmseg's Mask2Former; clip, eps and warm-up
# are not. There the gradient, of norm 100, is clipped to 0.01, and what SeDAM
# gets of it is below an eps of 1e-8: see docs/recipe.md#first-steps and
#   python tools/analysis_tools/first_steps.py configs/teso/teso_swin-b_v1m.py
optim_wrapper = dict(
    type='OptimWrapper',
    constructor='TrainableOptimWrapperConstructor',
    optimizer=dict(
        type='AdamW', lr=1e-3, weight_decay=0.05, eps=1e-10,
        betas=(0.9, 0.999), fused=True),
    clip_grad=dict(max_norm=1.0, norm_type=2),
    paramwise_cfg=dict(
        custom_keys=dict(backbone=dict(lr_mult=0.1)), norm_decay_mult=0.0))
max_epochs = 60
param_scheduler = [
    # multiplies with the next
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=200),
    dict(
        type='PolyLR',
        eta_min=0,
        power=0.9,
        begin=0,
        end=max_epochs,
        by_epoch=True,
        convert_to_iter_based=True)
]
train_cfg = dict(
    type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
log_processor = dict(by_epoch=True)
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='SafeCheckpointHook',
        by_epoch=True,
        interval=1,
        max_keep_ckpts=2,
        save_best='J',
        rule='greater'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='AVSVisualizationHook'),
    # of data sets and head, before anything is read
    class_check=dict(type='ClassCheckHook'),
    # reads all files before the first iteration
    data_check=dict(type='DataCheckHook'),
    # no step with NaN; action='skip' goes on
    finite_loss=dict(type='FiniteLossHook'),
    # Exact resuming, from checkpoints that torch.load(weights_only=True)
    # reads. Not in custom_hooks, a list: a leaf config's own (an EMAHook,
    # say) would replace them.
    random_state=dict(type='RandomStateHook'),
    plain_checkpoint=dict(type='PlainCheckpointHook'),
    training_summary=dict(type='TrainingSummaryHook'))
# The rates are taken as they stand, whatever the batch: the paper gives none,
# and AdamW's step does not grow with it. mmengine's rule is linear, as for
# SGD; the base is the release's batch of 2 videos of 5 frames.
auto_scale_lr = dict(enable=False, base_batch_size=10)
