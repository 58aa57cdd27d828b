# Copyright (c) mmteso contributors. All rights reserved.
"""Configs."""
import copy
import functools

import mmseg
import torch
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS, OPTIM_WRAPPER_CONSTRUCTORS
from narrow import load, narrow_model


@functools.lru_cache
def model_config():
    config = load('teso/teso_r18_synthavs.py')
    narrow_model(config.model)
    return config


def build_config(root, registry='models', width=None, adapters=None,
                 **options):
    """Build what a config says; of a model its prompt for features, too."""
    with DefaultScope.overwrite_default_scope('mmseg'):
        if 'type' in options:
            return getattr(mmseg.registry, registry.upper()).build(options)
        config = copy.deepcopy(model_config())
        config.merge_from_dict(options)
        if adapters:
            config.model.adapters = dict(kinds=adapters)
        model = MODELS.build(config.model)
        if width is not None:
            model.encode_prompt(dict(
                audio_feat=torch.zeros(1, 128), text_feat=torch.zeros(
                    1, 4, width), text_valid=torch.ones(1, 4, dtype=bool)))
        wrapper = config.optim_wrapper
        return OPTIM_WRAPPER_CONSTRUCTORS.build(dict(
            type=wrapper.pop('constructor'), paramwise_cfg=wrapper.pop(
                'paramwise_cfg', None), optim_wrapper_cfg=wrapper))(model)


def configured(**options):
    return lambda root: {key.replace('__', '.'): value
                         for key, value in options.items()}


def parts(registry, cases):
    """Parts that are built alone: by what is wrong the config and the
    error."""
    return {f'{config["type"]}: {what}': (
                configured(registry=registry, **config), expected)
            for what, config, expected in cases}


def arguments(kind, *cases):
    return [(', '.join(f'{k}={v!r}' for k, v in options.items()),
             dict(type=kind, **options), expected)
            for options, expected in cases]


CONFIG_ERRORS = {
    **parts('transforms', [
        *arguments('LoadTextCues',
                   (dict(num_cues=0), 'num_cues must be at least 1'),
                   (dict(num_cue=4), "LoadTextCues[\\s\\S]*'num_cue'"),
                   (dict(cue_target='label'), "'a_obj'.*but got 'label'"),
                   (dict(synonyms='none.yaml'), "no synonyms 'none.yaml'")),
        *arguments('LoadAVSAnnotations',
                   (dict(unknown_color='drop'), "one of .*but got 'drop'"),
                   (dict(max_unknown=2), r'share of the pixels in \[0, 1\]'),
                   (dict(source='seen'), "one of .*but got 'seen'")),
        *arguments('LoadAudioClip',
                   (dict(clip_hop=0), 'must be positive'),
                   (dict(clip_hop=-1), 'must be positive'),
                   (dict(sample_rate=0), 'must be positive'),
                   (dict(window=.5), 'window must be at least 0.975'))]),
    **parts('metrics', arguments(
        'AVSMetric',
        (dict(protocol='video'), "protocol must be .*'video'"),
        (dict(protocol='avsbench'), 'group_size is None'),
        (dict(protocol='avsbench', group_size=0), 'group_size is 0'),
        (dict(group_size=5), "group_size is 5 with protocol='frame'"),
        (dict(limit=.4), "unexpected .*'limit'"))),
    **parts('models', [
        *arguments('SeDAM',
                   (dict(num_layers=0), 'num_layers must be >= 1'),
                   (dict(num_layer=1), "SeDAM[\\s\\S]*'num_layer'"),
                   (dict(no_cue='mean'), "'learned' or 'audio', but got 'm"),
                   (dict(num_heads=3), 'must be a multiple of num_heads')),
        *arguments('SeDAN', (dict(), 'SeDAN is not in')),
        *arguments('DynamicMask', (dict(mode='on'), "but got 'on'"),
                   (dict(threshold='max'), "'mean' or a number"))]),
    'width of the sound': (
        configured(model__prompt_encoder__audio_dims=64),
        'makes features of 128 channels.*set prompt_encoder.audio_dims=128'),
    'width of the prompt': (
        configured(model__decode_head__pmqs__prompt_dims=7),
        'set decode_head.pmqs.prompt_dims='),
    'width of the cue bank': (
        lambda root: dict(width=8), 'text features have 8 channels, but '
        'prompt_encoder.text_dims is .*cue bank'),
    'unknown kind of adapter': (
        configured(adapters=['windo']),
        "adapter kinds must be among .*'windo'"),
    'kind of adapter that the model has not': (
        configured(adapters=['window']),
        r"no attention layer of kind \['window'\].*Set adapters="),
    'frozen part that the model has not': (
        configured(model__frozen=['backbon']), "no module 'backbon'; it has"),
    'learning rate of no parameter': (
        configured(optim_wrapper__paramwise_cfg=dict(custom_keys=dict(
            prompt_encodr=dict(lr_mult=.1)))),
        "custom_keys: 'prompt_encodr' names no parameter of .*modules are"),
    'unknown setting of the optimiser': (
        configured(optim_wrapper__paramwise_cfg=dict(custom_keys=dict(
            backbone=dict(lr_mul=.1)))), 'may hold .*lr_mult.*lr_mul'),
}
