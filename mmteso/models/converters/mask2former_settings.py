# Copyright (c) mmteso contributors. All rights reserved.
"""What mmsegmentation's Mask2Former must be to be a given one's double."""
from typing import Any, Dict, List, Mapping

# What transformers takes where config.json leaves a value out.
DEFAULTS = dict(
    feature_size=256,
    mask_feature_size=256,
    hidden_dim=256,
    encoder_feedforward_dim=1024,
    activation_function='relu',
    encoder_layers=6,
    decoder_layers=10,
    num_attention_heads=8,
    dim_feedforward=2048,
    pre_norm=False,
    enforce_input_projection=False,
    common_stride=4,
    num_queries=100,
    feature_strides=[4, 8, 16, 32])
BACKBONE_DEFAULTS = dict(
    swin=dict(
        image_size=224,
        patch_size=4,
        num_channels=3,
        embed_dim=96,
        depths=[2, 2, 6, 2],
        num_heads=[3, 6, 12, 24],
        window_size=7,
        mlp_ratio=4.0,
        qkv_bias=True,
        hidden_act='gelu',
        use_absolute_embeddings=False,
        layer_norm_eps=1e-5),
    resnet=dict(
        num_channels=3,
        embedding_size=64,
        hidden_sizes=[256, 512, 1024, 2048],
        depths=[3, 4, 6, 3],
        layer_type='bottleneck',
        hidden_act='relu',
        downsample_in_first_stage=False,
        downsample_in_bottleneck=False))

_STAGES = ['stage1', 'stage2', 'stage3', 'stage4']
# The only value that mmsegmentation's Mask2Former knows of some settings.
_FIXED = dict(
    activation_function='relu',
    pre_norm=False,
    common_stride=4,
    feature_strides=[4, 8, 16, 32])
_BACKBONE_FIXED = dict(
    swin=dict(
        patch_size=4, num_channels=3, hidden_act='gelu', layer_norm_eps=1e-5),
    resnet=dict(
        num_channels=3, hidden_act='relu', downsample_in_first_stage=False))
_RESNETS = {
    ('basic', (2, 2, 2, 2)): 18,
    ('basic', (3, 4, 6, 3)): 34,
    ('bottleneck', (3, 4, 6, 3)): 50,
    ('bottleneck', (3, 4, 23, 3)): 101,
    ('bottleneck', (3, 8, 36, 3)): 152,
}
# What mmsegmentation takes where a model's config leaves a value out.
_OUR_DEFAULTS = {
    'backbone.embed_dims': 96,
    'backbone.depths': [2, 2, 6, 2],
    'backbone.num_heads': [3, 6, 12, 24],
    'backbone.window_size': 7,
    'backbone.mlp_ratio': 4,
    'backbone.qkv_bias': True,
    'backbone.patch_norm': True,
    'backbone.use_abs_pos_embed': False,
    'backbone.pretrain_img_size': 224,
    'backbone.stem_channels': 64,
    'backbone.base_channels': 64,
    'backbone.style': 'pytorch',
    'backbone.deep_stem': False,
    'backbone.avg_down': False,
    'backbone.contract_dilation': False,
    'backbone.dilations': [1, 1, 1, 1],
    'backbone.strides': [1, 2, 2, 2],
    'decode_head.enforce_decoder_input_project': False,
    'data_preprocessor.bgr_to_rgb': False,
}


class Mask2FormerError(ValueError):
    """A model that can't be converted, or doesn't fit a config."""


def _as_list(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _check_fixed(config: Mapping[str, Any], fixed: Mapping[str, Any],
                 where: str) -> None:
    for name, value in fixed.items():
        if config[name] != value:
            raise Mask2FormerError(
                f'{where}{name} is {config[name]!r}, but mmsegmentation\'s '
                f'Mask2Former has {value!r} and nothing else')


def complete_config(config: Mapping[str, Any]) -> Dict[str, Any]:
    """Fill in transformers' defaults and refuse what can't be converted.

    Args:
        config (Mapping[str, Any]): ``config.json`` of a
            ``Mask2FormerForUniversalSegmentation``.

    Returns:
        dict: The same with every value of :data:`DEFAULTS` and, under
        ``backbone_config``, of :data:`BACKBONE_DEFAULTS`.

    Raises:
        Mask2FormerError: It is no Mask2Former, its backbone is neither a Swin
            nor a ResNet of transformers, or mmsegmentation has no such model.
    """
    if config.get('model_type') != 'mask2former':
        raise Mask2FormerError(
            f'model_type is {config.get("model_type")!r}, expected '
            "'mask2former'")
    backbone = config.get('backbone_config')
    kind = backbone.get('model_type') if isinstance(backbone,
                                                    Mapping) else None
    if kind not in BACKBONE_DEFAULTS:
        raise Mask2FormerError(
            f'backbone_config has model_type {kind!r}, expected one of '
            f'{list(BACKBONE_DEFAULTS)}. A timm backbone isn\'t supported')
    full = {
        name: _as_list(value)
        for name, value in {**DEFAULTS, **config}.items()
    }
    full['backbone_config'] = backbone = {
        name: _as_list(value)
        for name, value in {**BACKBONE_DEFAULTS[kind], **backbone}.items()
    }
    _check_fixed(full, _FIXED, '')
    _check_fixed(backbone, _BACKBONE_FIXED[kind], 'backbone_config.')
    if full['feature_size'] != full['hidden_dim']:
        raise Mask2FormerError(
            f'feature_size is {full["feature_size"]} and hidden_dim '
            f'{full["hidden_dim"]}, but mmsegmentation\'s Mask2Former has '
            'one width for both')
    out = backbone.get('out_features')
    if out is not None and _as_list(out) != _STAGES:
        raise Mask2FormerError(f'backbone_config.out_features is {out}, '
                               f'expected {_STAGES}')
    if len(backbone['depths']) != len(_STAGES):
        raise Mask2FormerError(f'backbone_config.depths is '
                               f'{backbone["depths"]}, expected four stages')
    if kind == 'resnet':
        _resnet_depth(backbone)
        first = backbone['hidden_sizes'][0]
        if backbone['hidden_sizes'] != [first << i for i in range(4)]:
            raise Mask2FormerError(
                'backbone_config.hidden_sizes must double from stage to '
                f'stage, but is {backbone["hidden_sizes"]}')
    return full


def _resnet_depth(backbone: Mapping[str, Any]) -> int:
    """The number that mmsegmentation calls a ResNet by."""
    key = (backbone['layer_type'], tuple(backbone['depths']))
    if key not in _RESNETS:
        raise Mask2FormerError(
            f'mmsegmentation has no ResNet of {key[0]} layers with '
            f'backbone_config.depths={list(key[1])}')
    return _RESNETS[key]


def mmseg_settings(config: Mapping[str, Any]) -> Dict[str, Any]:
    """What a model's config must say for the converted weights.

    Args:
        config (Mapping[str, Any]): transformers' ``config.json``.

    Returns:
        dict[str, Any]: Values by their path in ``model``, such as
        'backbone.window_size'. The number of classes isn't among them.

    Raises:
        Mask2FormerError: See :func:`complete_config`.
    """
    config = complete_config(config)
    backbone = config['backbone_config']
    if backbone['model_type'] == 'swin':
        width = backbone['embed_dim']
        widths = [width << i for i in range(4)]
        settings = {
            'backbone.type': 'SwinTransformer',
            'backbone.embed_dims': width,
            'backbone.depths': backbone['depths'],
            'backbone.num_heads': backbone['num_heads'],
            'backbone.window_size': backbone['window_size'],
            'backbone.mlp_ratio': backbone['mlp_ratio'],
            'backbone.qkv_bias': backbone['qkv_bias'],
            'backbone.patch_norm': True,
            'backbone.use_abs_pos_embed': backbone['use_absolute_embeddings'],
        }
        if backbone['use_absolute_embeddings']:
            settings['backbone.pretrain_img_size'] = backbone['image_size']
    else:
        widths = backbone['hidden_sizes']
        wide = backbone['layer_type'] == 'bottleneck'
        caffe = wide and backbone['downsample_in_bottleneck']
        settings = {
            'backbone.type': 'ResNet',
            'backbone.depth': _resnet_depth(backbone),
            'backbone.stem_channels': backbone['embedding_size'],
            'backbone.base_channels': widths[0] // (4 if wide else 1),
            'backbone.style': 'caffe' if caffe else 'pytorch',
            'backbone.deep_stem': False,
            'backbone.avg_down': False,
            'backbone.contract_dilation': False,
            'backbone.dilations': [1, 1, 1, 1],
            'backbone.strides': [1, 2, 2, 2],
        }
    dims, heads = config['hidden_dim'], config['num_attention_heads']
    encoder = 'decode_head.pixel_decoder.encoder.'
    decoder = 'decode_head.transformer_decoder.'
    settings.update({
        'backbone.out_indices': [0, 1, 2, 3],
        'decode_head.in_channels': widths,
        'decode_head.strides': config['feature_strides'],
        'decode_head.feat_channels': dims,
        'decode_head.out_channels': config['mask_feature_size'],
        'decode_head.num_queries': config['num_queries'],
        'decode_head.num_transformer_feat_level': 3,
        'decode_head.enforce_decoder_input_project':
        config['enforce_input_projection'],
        'decode_head.pixel_decoder.norm_cfg.num_groups': 32,
        f'{encoder}num_layers': config['encoder_layers'],
        f'{encoder}layer_cfg.self_attn_cfg.num_heads': heads,
        f'{encoder}layer_cfg.self_attn_cfg.num_levels': 3,
        f'{encoder}layer_cfg.self_attn_cfg.num_points': 4,
        f'{encoder}layer_cfg.ffn_cfg.feedforward_channels':
        config['encoder_feedforward_dim'],
        f'{decoder}num_layers': config['decoder_layers'] - 1,
        f'{decoder}layer_cfg.self_attn_cfg.num_heads': heads,
        f'{decoder}layer_cfg.cross_attn_cfg.num_heads': heads,
        f'{decoder}layer_cfg.ffn_cfg.feedforward_channels':
        config['dim_feedforward'],
    })
    return settings


def normalization_settings(preprocessor: Mapping[str, Any]) -> Dict[str, Any]:
    """What ``data_preprocessor`` must say for the same pixels.

    transformers divides RGB values by 255 before mean and deviation;
    mmsegmentation takes both in the range of the pixels.

    Args:
        preprocessor (Mapping[str, Any]): ``preprocessor_config.json``.

    Returns:
        dict[str, Any]: Values by their path in ``model``.
    """
    scale = 1.0
    if preprocessor.get('do_rescale', True):
        scale = preprocessor.get('rescale_factor', 1 / 255)
    mean, std = [0.0] * 3, [1.0] * 3
    if preprocessor.get('do_normalize', True):
        mean = preprocessor.get('image_mean', [0.485, 0.456, 0.406])
        std = preprocessor.get('image_std', [0.229, 0.224, 0.225])
    return {
        'data_preprocessor.mean': [round(value / scale, 3) for value in mean],
        'data_preprocessor.std': [round(value / scale, 3) for value in std],
        'data_preprocessor.bgr_to_rgb': True,
    }


def find_differences(settings: Mapping[str, Any],
                     model: Mapping[str, Any]) -> List[str]:
    """Where a model's config says something else.

    Args:
        settings (Mapping[str, Any]): From :func:`mmseg_settings` or
            :func:`normalization_settings`.
        model (Mapping[str, Any]): ``model`` of a config, mmsegmentation's or
            ours.

    Returns:
        list[str]: A line for each difference; empty if it fits.
    """
    lines = []
    for path, expected in settings.items():
        value: Any = model
        for key in path.split('.'):
            value = value.get(key) if isinstance(value, Mapping) else None
        if value is None:
            value = _OUR_DEFAULTS.get(path)
        value = _as_list(value)
        if not _equal(value, expected):
            lines.append(f'{path} is {value!r}, the weights need '
                         f'{expected!r}')
    return lines


def _equal(value: Any, expected: Any) -> bool:
    if isinstance(value, list) and isinstance(expected, list):
        return len(value) == len(expected) and all(
            map(_equal, value, expected))
    if value.__class__ in (int, float) and expected.__class__ in (int, float):
        # transformers' files carry float32 digits (0.48500001430511475)
        return abs(value - expected) < 1e-2
    return value == expected
