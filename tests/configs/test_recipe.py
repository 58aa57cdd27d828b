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

# from the paper, the authors' code, or mmseg's Mask2Former; or ours
RECIPE = {
    'optim_wrapper.optimizer': dict(
        type='AdamW', lr=1e-3, weight_decay=0.05, betas=(0.9, 0.999),
        eps=1e-10),  # eps: ours
    'optim_wrapper.paramwise_cfg': dict(
        custom_keys=dict(backbone=dict(lr_mult=0.1)), norm_decay_mult=0.0),
    'optim_wrapper.clip_grad': dict(max_norm=1.0, norm_type=2),  # ours
    'train_cfg.max_epochs': 60,
    'train_dataloader.batch_size': 2,  # ours
    'auto_scale_lr.enable': False,
    'num_cues': 4,
    'model.data_preprocessor.size': (384, 384),  # ours
    'model.prompt_encoder': dict(
        audio_dims=128, text_dims=1024, num_latents=4, embed_dims=1024,
        hidden_dims=2048, num_heads=8, num_layers=1,
        normalize=True, no_cue='audio',  # ours
        dynamic_mask=dict(type='DynamicMask', mode='hard', threshold=0.)),
    'model.latent_loss': dict(tau=0.1, loss_weight=0.1),  # ours
    'model.cue_loss': None,
    'model.adapters.ratio': 4,
    'model.decode_head.pmqs': dict(
        prompt_dims=1024, query_dims=256, hidden_dims=2048, num_heads=4,
        num_layers=1, norm='post'),
    'model.decode_head.loss_mask.loss_weight': 5.0,
    'model.decode_head.loss_dice.loss_weight': 5.0,
    'model.decode_head.loss_cls': dict(
        loss_weight=2.0, class_weight=[1., 1., 0.1]),
    'model.decode_head.train_cfg.num_points': 12544,
}


def found(config, path):
    for key in path.split('.'):
        config = None if config is None else config.get(key)
    return config


@pytest.mark.parametrize(
    'name', ['teso/teso_swin-b_v1m.py', 'teso/teso_swin-t_v1s.py',
             'v3/teso_swin-b_v3-zero-shot.py', 'ablations/v1m/source-pool.py'])
def test_constants(name):
    config = load(name)
    for path, wanted in RECIPE.items():
        value = found(config, path)
        if isinstance(wanted, dict):
            value = {key: value.get(key) for key in wanted}
        assert value == wanted, path
    # the assignment weighs as the losses do
    costs = config.model.decode_head.train_cfg.assigner.match_costs
    assert [cost.weight for cost in costs] == [2., 5., 5.]


@pytest.mark.parametrize('name', LEAVES)
def test_sizes_and_widths_agree(name):
    """One size of the frames, and the widths that parts hand to each other."""
    config = load(name)
    sizes = {transform.scale for split in ('train', 'val', 'test')
             for transform in config[f'{split}_dataloader'].dataset.pipeline
             if transform.type == 'Resize'}
    assert sizes <= {config.model.data_preprocessor.size}
    prompt, head = config.model.get('prompt_encoder'), config.model.decode_head
    reader = config.model.get('fusion') or head.get('pmqs')
    if prompt and reader:
        assert prompt.embed_dims == reader.prompt_dims
    if head.get('loss_cls') and 'class_weight' in head.loss_cls:
        assert len(head.loss_cls.class_weight) == head.num_classes + 1
    if head.get('pmqs') and 'feat_channels' in head:
        assert head.pmqs.query_dims == head.feat_channels
    shuffles = [config[f'{split}_dataloader'].sampler.shuffle
                for split in ('train', 'val', 'test')]
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
            scheduler,
            default_args=dict(optimizer=wrapper, epoch_length=length))
        for scheduler in load(name).param_scheduler]
    for iteration in range(epochs * length):
        rising = min(0.01 + 0.99 * iteration / (warm_up - 1), 1.)
        falling = (1 - iteration / (epochs * length - 1))**0.9
        assert wrapper.get_lr()['lr'][0] == pytest.approx(
            rising * falling), iteration
        wrapper.step()
        for scheduler in schedulers:
            scheduler.step()
