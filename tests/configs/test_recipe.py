# Copyright (c) mmteso contributors. All rights reserved.
"""The recipe's constants, stated once beside the configs.

A changed constant in a base file changes what every result means, and nothing
else would notice.
"""
import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import PARAM_SCHEDULERS
from narrow import CONFIGS, load


LEAVES = sorted(
    str(path.relative_to(CONFIGS)) for path in CONFIGS.glob('*/**/*.py')
    if path.relative_to(CONFIGS).parts[0] not in (
        '_base_', 'text_cues', 'text_features', 'zero_shot'))

# Sources: 'paper'; 'release', the authors' code; 'mmseg', its Mask2Former,
# where the paper's value is not known; 'ours'.
RECIPE = [
    ('optim_wrapper.optimizer.type', 'AdamW', 'paper'),
    ('optim_wrapper.optimizer.lr', 1e-3, 'paper'),
    ('optim_wrapper.paramwise_cfg.custom_keys',
     dict(backbone=dict(lr_mult=0.1)), 'paper'),
    ('optim_wrapper.paramwise_cfg.norm_decay_mult', 0.0, 'mmseg'),
    ('optim_wrapper.optimizer.weight_decay', 0.05, 'mmseg'),
    ('optim_wrapper.optimizer.betas', (0.9, 0.999), 'mmseg'),
    ('optim_wrapper.optimizer.eps', 1e-10, 'ours'),
    ('optim_wrapper.clip_grad', dict(max_norm=1.0, norm_type=2), 'ours'),
    ('train_cfg.max_epochs', 60, 'paper'),
    ('train_dataloader.batch_size', 2, 'ours'),
    ('auto_scale_lr.enable', False, 'ours'),
    ('num_cues', 4, 'release'),  # N_T
    ('model.data_preprocessor.size', (384, 384), 'ours'),
    ('model.prompt_encoder.audio_dims', 128, 'paper'),  # VGGish
    ('model.prompt_encoder.text_dims', 1024, 'paper'),  # ImageBind
    ('model.prompt_encoder.num_latents', 4, 'release'),  # N_a
    ('model.prompt_encoder.embed_dims', 1024, 'release'),  # D
    ('model.prompt_encoder.hidden_dims', 2048, 'release'),
    ('model.prompt_encoder.num_heads', 8, 'release'),
    ('model.prompt_encoder.num_layers', 1, 'release'),
    ('model.prompt_encoder.normalize', True, 'ours'),
    ('model.prompt_encoder.no_cue', 'audio', 'ours'),
    ('model.prompt_encoder.dynamic_mask',
     dict(type='DynamicMask', mode='hard', threshold=0.), 'ours'),
    ('model.latent_loss.tau', 0.1, 'ours'),
    ('model.latent_loss.loss_weight', 0.1, 'ours'),
    ('model.cue_loss', None, 'paper'),
    ('model.adapters.ratio', 4, 'release'),
    ('model.decode_head.pmqs.prompt_dims', 1024, 'release'),
    ('model.decode_head.pmqs.query_dims', 256, 'release'),
    ('model.decode_head.pmqs.hidden_dims', 2048, 'release'),
    ('model.decode_head.pmqs.num_heads', 4, 'release'),
    ('model.decode_head.pmqs.num_layers', 1, 'release'),
    ('model.decode_head.pmqs.norm', 'post', 'paper'),
    ('model.decode_head.loss_mask.loss_weight', 5.0, 'mmseg'),  # L_bce
    ('model.decode_head.loss_dice.loss_weight', 5.0, 'mmseg'),
    ('model.decode_head.loss_cls.loss_weight', 2.0, 'mmseg'),
    ('model.decode_head.loss_cls.class_weight', [1., 1., 0.1], 'mmseg'),
    ('model.decode_head.train_cfg.num_points', 12544, 'mmseg'),
]
def found(config, path):
    for key in path.split('.'):
        config = None if config is None else config.get(key)
    return config


@pytest.mark.parametrize('name', [
    'teso/teso_swin-b_v1m.py', 'teso/teso_swin-t_v1s.py',
    'v3/teso_swin-b_v3-zero-shot.py', 'ablations/v1m/source-pool.py'
])
def test_constants(name):
    config = load(name)
    wanted = {path: value for path, value, _ in RECIPE}
    assert {path: found(config, path) for path in wanted} == wanted
    # the assignment weighs as the losses do
    costs = config.model.decode_head.train_cfg.assigner.match_costs
    assert [cost.weight for cost in costs] == [2., 5., 5.]


@pytest.mark.parametrize('name', LEAVES)
def test_sizes_and_widths_agree(name):
    """One size of the frames, and the widths that parts hand to each other."""
    config = load(name)
    sizes = {
        transform.scale
        for split in ('train', 'val', 'test')
        for transform in config[f'{split}_dataloader'].dataset.pipeline
        if transform.type == 'Resize'
    }
    assert sizes <= {config.model.data_preprocessor.size}
    prompt, head = config.model.get('prompt_encoder'), config.model.decode_head
    reader = config.model.get('fusion') or head.get('pmqs')
    if prompt and reader:
        assert prompt.embed_dims == reader.prompt_dims
    if head.get('loss_cls') and 'class_weight' in head.loss_cls:
        assert len(head.loss_cls.class_weight) == head.num_classes + 1
    shuffles = [
        config[f'{split}_dataloader'].sampler.shuffle
        for split in ('train', 'val', 'test')
    ]
    assert shuffles == [True, False, False]


@pytest.mark.parametrize('name, warm_up, epochs', [
    ('teso/teso_swin-b_v1m.py', 200, 60),
    ('teso/teso_vit-b_v1m.py', 200, 60),
    ('teso-sam/teso-sam_vit-b_v1m.py', 200, 60),
    ('v3/teso_swin-b_v3-zero-shot.py', 200, 60),
    ('v3/teso_swin-b_v3-1-shot.py', 10, 10),
    ('ablations/v1m/without-text.py', 200, 60),
])
def test_schedule(name, warm_up, epochs):
    """A linear warm-up (ours) times a polynomial of 0.9 (mmseg)."""
    length = 20  # of an epoch
    parameter = torch.nn.Parameter(torch.zeros(()))
    wrapper = OptimWrapper(torch.optim.SGD([parameter], lr=1.))
    schedulers = [
        PARAM_SCHEDULERS.build(
            scheduler, default_args=dict(
                optimizer=wrapper, epoch_length=length))
        for scheduler in load(name).param_scheduler
    ]
    for iteration in range(epochs * length):
        rising = min(0.01 + 0.99 * iteration / (warm_up - 1), 1.)
        falling = (1 - iteration / (epochs * length - 1))**0.9
        assert wrapper.get_lr()['lr'][0] == pytest.approx(
            rising * falling), iteration
        wrapper.step()
        for scheduler in schedulers:
            scheduler.step()
