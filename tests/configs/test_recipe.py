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

FOLDERS = ('teso', 'teso-sam', 'v3', 'ablations/v1m')
ALL = sorted(f'{folder}/{path.name}' for folder in FOLDERS
             for path in (CONFIGS / folder).glob('*.py'))
SYNTHAVS = [name for name in ALL if 'synthavs' in name]
AVSBENCH = [name for name in ALL if 'synthavs' not in name]

# Sources: 'paper'; 'release', the authors' code; 'mmseg', its Mask2Former,
# where the paper's value is not known; 'ours'.
SLOW = dict(lr_mult=0.1)
RECIPE = [
    ('optim_wrapper.optimizer.type', 'AdamW', 'paper'),
    ('optim_wrapper.optimizer.lr', 1e-3, 'paper'),
    ('optim_wrapper.paramwise_cfg.custom_keys', dict(backbone=SLOW), 'paper'),
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
# On SynthAVS, everything ours: where its value is another.
SYNTHAVS_RECIPE = {
    'optim_wrapper.paramwise_cfg.norm_decay_mult': 0.0,
    'optim_wrapper.paramwise_cfg.bias_decay_mult': 0.0,
    'optim_wrapper.paramwise_cfg.custom_keys': None,
    'optim_wrapper.optimizer.betas': None,  # AdamW's own
    'optim_wrapper.optimizer.eps': None,
    'train_cfg.max_epochs': None,
    'train_cfg.max_iters': 1600,
    'train_dataloader.batch_size': 16,
    'auto_scale_lr.enable': None,
    'model.data_preprocessor.size': None,
    'model.prompt_encoder.text_dims': 128,
    'model.prompt_encoder.embed_dims': 256,
    'model.prompt_encoder.hidden_dims': 512,
    'model.adapters.ratio': None,
    'model.decode_head.pmqs.prompt_dims': 256,
    'model.decode_head.pmqs.query_dims': 64,
    'model.decode_head.pmqs.hidden_dims': 256,
    'model.decode_head.train_cfg.num_points': 1024,
}

CUE_LOSS = {
    'model.cue_loss': dict(type='CueLoss', threshold=0.0, loss_weight=1.0)
}
FEW_SHOT = {'train_cfg.max_epochs': 10}
SYNTHAVS_FEW_SHOT = {'train_cfg.max_iters': 200}
NO_LATENT_LOSS = {
    'model.latent_loss.tau': None,
    'model.latent_loss.loss_weight': None
}
EMBED = dict(lr_mult=0.1, decay_mult=0.0)
NEW_DECODER = {
    'optim_wrapper.paramwise_cfg.custom_keys': {
        'backbone': SLOW,
        'decode_head': SLOW,
        'decode_head.query_embed': EMBED,
        'decode_head.query_feat': EMBED,
        'decode_head.level_embed': EMBED,
        'decode_head.pmqs': dict(lr_mult=1.0),
        'decode_head.cls_embed': dict(lr_mult=1.0)
    }
}
NEW_DECODER_AND_NECK = {
    key: dict(value, neck=SLOW) for key, value in NEW_DECODER.items()
}
SAM = {
    'model.decode_head.loss_cls.loss_weight': None,
    'model.decode_head.loss_cls.class_weight': None,
    'model.decode_head.train_cfg.num_points': None,
    'model.decode_head.num_points': 12544,
    'model.data_preprocessor.size': (1024, 1024)
}
STAND_IN = {
    f'model.prompt_encoder.{key}': None
    for key in ('num_heads', 'num_layers', 'normalize', 'no_cue',
                'dynamic_mask')
}


def classes(number):
    return {
        'model.decode_head.loss_cls.class_weight': [1.0] * number + [0.1]
    }


def encoder(**values):
    return {f'model.prompt_encoder.{k}': v for k, v in values.items()}


def mask(**values):
    return encoder(
        dynamic_mask={
            **dict(type='DynamicMask', mode='hard', threshold=0.),
            **values
        })


# What a config's very point is to have otherwise.
OTHERWISE = {
    'teso/teso-ast_swin-b_v1m.py': encoder(audio_dims=768),
    'teso/teso-beats_swin-b_v1m.py': encoder(audio_dims=768),
    'teso/teso-clap_swin-b_v1m.py': encoder(audio_dims=512),
    'teso/teso-cue_swin-b_v1m.py': CUE_LOSS,
    'teso/teso-cue_r18_synthavs.py': CUE_LOSS,
    'teso/teso-cue_r18_synthavs-avss.py': {**CUE_LOSS, **classes(9)},
    'teso/teso_r18_synthavs-avss.py': classes(9),
    **{f'teso/teso_{name}_avss.py': classes(71)
       for name in ('swin-b', 'swin-t', 'r50')},
    **{f'teso/teso_{name}_v1m.py': NEW_DECODER
       for name in ('pvtv2-b2', 'pvtv2-b5', 'mit-b2')},
    'teso/teso_convnext-b_v1m.py': {
        **NEW_DECODER, 'model.adapters.ratio': None},
    'teso/teso_vit-b_v1m.py': NEW_DECODER_AND_NECK,
    'teso/teso_beit-b_v1m.py': NEW_DECODER_AND_NECK,
    **{f'teso-sam/teso-sam_vit-b_{name}.py': SAM
       for name in ('v1s', 'v1m', 'avss-binary')},
    'teso-sam/teso-sam_tiny_synthavs.py': {
        **SAM, 'model.data_preprocessor.size': (96, 96),
        'model.decode_head.num_points': 1024},
    **{f'v3/teso_swin-b_v3-{shots}-shot.py': FEW_SHOT for shots in (1, 3, 5)},
    **{f'v3/teso_r18_synthavs-v3-{shots}-shot.py': SYNTHAVS_FEW_SHOT
       for shots in (1, 3, 5)},
    'ablations/v1m/cue-loss_source-pool.py': CUE_LOSS,
    'ablations/v1m/threshold-mean.py': mask(threshold='mean'),
    'ablations/v1m/center-scores.py': mask(center=True),
    'ablations/v1m/mask-soft.py': mask(mode='soft'),
    'ablations/v1m/mask-straight-through.py': mask(mode='straight_through'),
    'ablations/v1m/without-dynamic-mask.py': mask(mode='off'),
    'ablations/v1m/without-normalize.py': encoder(normalize=False),
    'ablations/v1m/no-cue-learned.py': encoder(no_cue='learned'),
    'ablations/v1m/latent-tau-1.py': {
        'model.latent_loss.tau': 1.0,
        'model.latent_loss.loss_weight': 1.0
    },
    'ablations/v1m/norm-zero-gated.py': {
        'model.decode_head.pmqs.norm': 'zero_gated'},
    'ablations/v1m/without-latent-loss.py': NO_LATENT_LOSS,
    'ablations/v1m/without-pmqs.py': {
        f'model.decode_head.pmqs.{key}': None
        for key in ('num_heads', 'num_layers', 'norm')},
    'ablations/v1m/without-sedam.py': {
        **STAND_IN, **NO_LATENT_LOSS, **encoder(num_latents=None)},
    'ablations/v1m/without-text.py': {**STAND_IN, **encoder(text_dims=None)},
    'ablations/v1m/label-filter.py': {
        **STAND_IN, **encoder(text_dims=None), **classes(71)},
    'ablations/v1m/without-audio.py': {
        **STAND_IN, **NO_LATENT_LOSS,
        **encoder(audio_dims=None, num_latents=None)},
}
WITHOUT = {  # parts
    'ablations/v1m/without-text-and-audio.py': (
        'model.decode_head.pmqs.', 'model.prompt_encoder.',
        'model.latent_loss.'),
}


def found(config, path):
    for key in path.split('.'):
        config = None if config is None else config.get(key)
    return config


@pytest.mark.parametrize('name', ALL)
def test_constants(name):
    config = load(name)
    wanted = {path: value for path, value, _ in RECIPE}
    if name in SYNTHAVS:
        wanted.update(SYNTHAVS_RECIPE)
    wanted.update(OTHERWISE.get(name, {}))
    for path in wanted:
        if path.startswith(WITHOUT.get(name, ('nothing', ))):
            wanted[path] = None
    assert {path: found(config, path) for path in wanted} == wanted
    # the assignment weighs as the losses do
    costs = found(config, 'model.decode_head.train_cfg.assigner.match_costs')
    assert costs is None or [cost.weight for cost in costs] == [2., 5., 5.]
    # one size of the frames from the picture to the model
    sizes = {
        transform.scale
        for split in ('train', 'val', 'test')
        for transform in config[f'{split}_dataloader'].dataset.pipeline
        if transform.type == 'Resize'
    }
    assert sizes == (set() if name in SYNTHAVS else
                     {config.model.data_preprocessor.size})


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


def test_every_exception_is_a_config():
    """None is left behind by a config that went."""
    assert {*OTHERWISE, *WITHOUT} <= set(ALL)
