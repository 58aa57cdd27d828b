# Everything is trained from nothing, so one learning rate for all of it.
optim_wrapper = dict(
    type='OptimWrapper',
    constructor='TrainableOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05, fused=True),
    clip_grad=dict(max_norm=1.0, norm_type=2),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=100),
    dict(
        type='PolyLR',
        eta_min=0,
        power=0.9,
        begin=100,
        end=1600,
        by_epoch=False)
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=1600, val_interval=400)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
log_processor = dict(by_epoch=False)
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='SafeCheckpointHook',
        by_epoch=False,
        interval=400,
        max_keep_ckpts=1,
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
