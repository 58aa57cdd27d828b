# Copyright (c) mmteso contributors. All rights reserved.
import copy
import json

import pytest
import torch
from mmengine.config import Config
from narrow import load
from tiny_mask2former import (build_model, hf_logits, shake, stock_logits,
                              tiny_hf_mask2former, tiny_stock_config)

from mmteso.models.converters import (Mask2FormerError, convert_mask2former,
                                      find_differences, mmseg_settings,
                                      normalization_settings,
                                      read_hf_mask2former)
from mmteso.models.converters.mask2former_names import (file_name, is_unused,
                                                        window_index)
from mmteso.models.converters.mask2former_settings import (BACKBONE_DEFAULTS,
                                                           DEFAULTS,
                                                           complete_config)

pytest.importorskip('transformers', reason="needs pip install 'mmteso[text]'")

PLAIN = [('swin', {}, {}, {}), ('resnet', {}, {}, {})]
# kind, transformers' backbone, transformers' model, mmsegmentation's model
OTHER = [
    ('swin', dict(use_absolute_embeddings=True),
     {}, dict(backbone=dict(use_abs_pos_embed=True, pretrain_img_size=64))),
    ('swin', dict(qkv_bias=False), dict(enforce_input_projection=True),
     dict(
         backbone=dict(qkv_bias=False),
         decode_head=dict(enforce_decoder_input_project=True))),
    ('swin', dict(depths=[1, 1, 2, 1], window_size=3, mlp_ratio=2.0),
     dict(mask_feature_size=16, num_queries=3),
     dict(
         backbone=dict(depths=[1, 1, 2, 1], window_size=3, mlp_ratio=2),
         decode_head=dict(out_channels=16, num_queries=3))),
    ('resnet', dict(downsample_in_bottleneck=True), {},
     dict(backbone=dict(style='caffe'))),
    ('resnet',
     dict(
         layer_type='basic',
         depths=[2, 2, 2, 2],
         embedding_size=16,
         hidden_sizes=[8, 16, 32, 64]), {},
     dict(
         backbone=dict(depth=18, stem_channels=16),
         decode_head=dict(in_channels=[8, 16, 32, 64]))),
]


def build_pair(kind, backbone=(), settings=(), changes=()):
    """transformers' model, and mmsegmentation's with its weights."""
    theirs = tiny_hf_mask2former(kind, backbone, **dict(settings))
    model = tiny_stock_config(kind)
    for part, values in dict(changes).items():
        model[part].update(values)
    config = theirs.config.to_dict()
    assert find_differences(mmseg_settings(config), model) == []
    ours = build_model(model)
    ours.load_state_dict(
        convert_mask2former(theirs.state_dict(), config), strict=True)
    return theirs, ours


def largest_difference(theirs, ours, size):
    rng = torch.Generator().manual_seed(1)
    image = torch.randn(2, 3, *size, generator=rng)
    with torch.no_grad():
        expected, result = hf_logits(theirs, image), stock_logits(ours, image)
    for values in expected:  # neither constant nor the same for both images
        assert values.std() > 0.1
        assert (values[0] - values[1]).abs().max() > 0.01
    return max(
        float((first - second).abs().max())
        for first, second in zip(expected, result))


@pytest.mark.parametrize('kind, backbone, settings, changes', PLAIN + OTHER)
def test_same_logits(kind, backbone, settings, changes):
    pair = build_pair(kind, backbone, settings, changes)
    assert largest_difference(*pair, (64, 64)) < 1e-4
    if not backbone.get('use_absolute_embeddings'):
        # odd sizes at each level: windows and merged patches are padded
        assert largest_difference(*pair, (72, 100)) < 1e-4


@pytest.mark.parametrize('kind', ['swin', 'resnet'])
def test_every_weight_takes_part(kind):
    """The comparison above sees all of them."""
    theirs, ours = build_pair(kind)
    assert all(parameter.std() > 0.02 or parameter.numel() == 1
               for parameter in ours.parameters())
    rng = torch.Generator().manual_seed(2)
    image = torch.randn(1, 3, 64, 64, generator=rng).double()
    logits = stock_logits(ours.double().requires_grad_(), image)
    sum((values * torch.randn(values.shape, generator=rng)).sum()
        for values in logits).backward()
    idle = [
        name for name, parameter in ours.named_parameters()
        if parameter.grad is None or parameter.grad.abs().max() < 1e-8
    ]
    assert idle == []


def test_unused_weights_change_nothing():
    theirs = tiny_hf_mask2former('swin')
    other = copy.deepcopy(theirs)
    shake(other.model.pixel_level_module.encoder.swin.layernorm, scale=1)
    other.criterion.empty_weight.fill_(7)
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        for first, second in zip(
                hf_logits(theirs, image), hf_logits(other, image)):
            assert torch.equal(first, second)


@pytest.mark.parametrize('kind', ['swin', 'resnet'])
@pytest.mark.parametrize('file', ['model.safetensors', 'pytorch_model.bin'])
def test_reads_what_transformers_writes(kind, file, tmp_path):
    """Names in files aren't those in memory."""
    model = tiny_hf_mask2former(kind)
    expected = convert_mask2former(model.state_dict(), model.config.to_dict())
    model.save_pretrained(tmp_path)
    source = read_hf_mask2former(str(tmp_path))
    assert source.path == str(tmp_path / 'model.safetensors')
    assert source.preprocessor is None
    names = source.state_dict.keys()
    if kind == 'swin':
        assert names != model.state_dict().keys()
        assert ('model.pixel_level_module.encoder.encoder.layers.0.blocks.1.'
                'attention.self.query.weight') in names
    unused = {'criterion.empty_weight'} | {
        name
        for name in names if 'encoder.swin.layernorm.' in name
    }
    assert {name for name in names if is_unused(file_name(name))} == unused
    assert len(unused) == (3 if kind == 'swin' else 1)
    if file.endswith('.bin'):
        # as written in 2023, with the index tables
        index = ('model.pixel_level_module.encoder.encoder.layers.0.blocks.0.'
                 'attention.self.relative_position_index')
        torch.save({**source.state_dict, index: torch.zeros(16, 16)},
                   tmp_path / file)
        (tmp_path / 'model.safetensors').unlink()
        source = read_hf_mask2former(str(tmp_path / file))
    result = convert_mask2former(source.state_dict, source.config)
    assert result.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(result[name], value), name


def test_index_of_the_bias_table():
    """It is computed, and equals mmsegmentation's own."""
    fresh = build_model(tiny_stock_config('swin')).state_dict()
    names = [name for name in fresh if 'relative_position_index' in name]
    assert len(names) == 5
    for name in names:
        index = window_index(4)
        assert torch.equal(index, fresh[name])
        assert index.dtype == fresh[name].dtype


def test_defaults_are_those_of_transformers():
    from transformers import Mask2FormerConfig, ResNetConfig, SwinConfig
    for ours, theirs in ((DEFAULTS, Mask2FormerConfig()),
                         (BACKBONE_DEFAULTS['swin'], SwinConfig()),
                         (BACKBONE_DEFAULTS['resnet'], ResNetConfig())):
        for name, value in ours.items():
            other = getattr(theirs, name)
            assert (list(other) if isinstance(other, tuple) else
                    other) == value, name


# What the config.json of facebook/mask2former-swin-{base,tiny}-... says of
# the model (as read on the web; the files themselves aren't at hand).
PUBLISHED = {
    'teso/teso_swin-b_v1m.py':
    dict(
        model_type='swin',
        embed_dim=128,
        depths=[2, 2, 18, 2],
        num_heads=[4, 8, 16, 32],
        window_size=12),
    'teso/teso_swin-t_v1m.py':
    dict(model_type='swin'),
    'teso/teso_r50_v1m.py':
    dict(model_type='resnet'),
}


@pytest.mark.parametrize('name', PUBLISHED)
def test_fits_our_configs(name):
    model = load(name).model
    for other, backbone in PUBLISHED.items():
        config = dict(model_type='mask2former', backbone_config=backbone)
        lines = find_differences(mmseg_settings(config), model)
        assert (lines == []) == (other == name)
    config['num_queries'] = 200
    config['backbone_config'] = PUBLISHED[name]
    assert find_differences(mmseg_settings(config), model) == [
        'decode_head.num_queries is 100, the weights need 200'
    ]
    pixels = normalization_settings(
        dict(
            do_rescale=True,
            rescale_factor=0.00392156862745098,
            image_mean=[
                0.48500001430511475, 0.4560000002384186, 0.4059999883174896
            ],
            image_std=[0.2290000021457672, 0.2239999920129776, 0.225]))
    assert find_differences(pixels, model) == []
    lines = find_differences(
        normalization_settings(dict(image_mean=[0.5] * 3)), model)
    assert lines == [
        'data_preprocessor.mean is [123.675, 116.28, 103.53], the weights '
        'need [127.5, 127.5, 127.5]'
    ]
    assert normalization_settings(dict(do_normalize=False)) == {
        'data_preprocessor.mean': [0, 0, 0],
        'data_preprocessor.std': [255, 255, 255],
        'data_preprocessor.bgr_to_rgb': True
    }


@pytest.mark.parametrize('kind', BACKBONE_DEFAULTS)
def test_each_setting_is_compared(kind):
    config = dict(
        model_type='mask2former',
        backbone_config=dict(model_type=kind, use_absolute_embeddings=True))
    settings = mmseg_settings(config)
    model = Config(dict(model={}))
    model.merge_from_dict({f'model.{k}': v for k, v in settings.items()})
    assert find_differences(settings, model.model) == []
    for path, value in settings.items():
        other = copy.deepcopy(model)
        other.merge_from_dict({f'model.{path}': 'other'})
        assert find_differences(settings, other.model) == [
            f"{path} is 'other', the weights need {value!r}"
        ]


def test_missing_and_unknown_weights():
    model = tiny_hf_mask2former('resnet')
    config = model.config.to_dict()
    weights = dict(model.state_dict())
    weights['more.weight'] = torch.zeros(1)
    del weights['class_predictor.bias']
    with pytest.raises(
            Mask2FormerError,
            match=r'1 missing \(class_predictor.bias\), 1 unknown \(more'):
        convert_mask2former(weights, config)
    # another depth than the weights have
    config['encoder_layers'] = 3
    with pytest.raises(
            Mask2FormerError, match=r'16 missing .*, \.\.\.\), 0 unknown$'):
        convert_mask2former(model.state_dict(), config)
    config['encoder_layers'] = 1
    with pytest.raises(Mask2FormerError, match='0 missing, 16 unknown'):
        convert_mask2former(model.state_dict(), config)


def test_weight_under_both_names():
    model = tiny_hf_mask2former('swin')
    weights = dict(model.state_dict())
    name = 'model.pixel_level_module.encoder.{}embeddings.norm.bias'
    weights[name.format('')] = weights[name.format('swin.')]
    with pytest.raises(Mask2FormerError, match='two tensors'):
        convert_mask2former(weights, model.config.to_dict())


@pytest.mark.parametrize('change, message', [
    (dict(model_type='maskformer'), "'maskformer'"),
    (dict(backbone_config=None), 'timm'),
    (dict(backbone_config=dict(model_type='timm_backbone')),
     "'timm_backbone'"),
    (dict(pre_norm=True), 'pre_norm is True'),
    (dict(feature_strides=[2, 4, 8, 16]), r'feature_strides is \[2'),
    (dict(activation_function='gelu'), "'gelu'"),
    (dict(hidden_dim=128), 'hidden_dim 128'),
    (dict(backbone_config=dict(model_type='swin', patch_size=2)),
     'backbone_config.patch_size is 2'),
    (dict(backbone_config=dict(model_type='swin', depths=[2, 2])),
     'four stages'),
    (dict(backbone_config=dict(model_type='swin', out_features=['stage4'])),
     'out_features'),
    (dict(
        backbone_config=dict(
            model_type='resnet', hidden_sizes=[64, 128, 256, 500])),
     'must double'),
    (dict(backbone_config=dict(model_type='resnet', depths=[1, 1, 1, 1])),
     'no ResNet of bottleneck layers'),
])
def test_refuses(change, message):
    config = {
        **dict(
            model_type='mask2former', backbone_config=dict(model_type='swin')),
        **change
    }
    with pytest.raises(Mask2FormerError, match=message):
        complete_config(config)


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match='no file or folder'):
        read_hf_mask2former(str(tmp_path / 'nothing'))
    with pytest.raises(FileNotFoundError, match='max_shard_size'):
        read_hf_mask2former(str(tmp_path))
    weights = tmp_path / 'model.safetensors'
    weights.write_bytes(b'no weights')
    with pytest.raises(FileNotFoundError, match='config.json'):
        read_hf_mask2former(str(weights))
    (tmp_path / 'config.json').write_text('{')
    with pytest.raises(Mask2FormerError, match='is no JSON'):
        read_hf_mask2former(str(weights))
    (tmp_path / 'config.json').write_text('[]')
    with pytest.raises(Mask2FormerError, match='must hold an object'):
        read_hf_mask2former(str(weights))
    (tmp_path / 'config.json').write_text(json.dumps({}))
    with pytest.raises(Mask2FormerError, match="can't be read"):
        read_hf_mask2former(str(weights))
