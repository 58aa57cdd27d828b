# Copyright (c) mmteso contributors. All rights reserved.
import os

import meta_sam
import pytest
import torch
from meta_sam import assert_equals_summary, random_state_dict, reference
from mmengine.registry import init_default_scope

from mmteso.models import SAMImageEncoder, TeSOSAMHead
from mmteso.models.converters import (SAMWeightsError, convert_sam,
                                      read_sam_weights, sam, sam_settings,
                                      write_sam_folder)
from mmteso.models.sam import import_sam, make_config, read_sam_folder

pytest.importorskip('transformers', reason="needs pip install 'mmteso[text]'")


@pytest.fixture(scope='module')
def expected():
    return reference()


@pytest.fixture(scope='module')
def source(expected):
    return random_state_dict(expected['shapes'])


@pytest.fixture(scope='module')
def folder(source, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp('weights') / 'new' / 'sam')
    write_sam_folder(folder, convert_sam(source))
    return folder


# ---------------------------------------------------------------- conversion
def test_equals_metas_own_code(folder, expected):
    """To 1e-4, by what that code gave for the same weights."""
    model = read_sam_folder(folder).eval()
    with torch.no_grad():
        images = meta_sam.images()
        embeddings = model.vision_encoder(images)[0]
        many = model(pixel_values=images, multimask_output=True)
        one = model(pixel_values=images, multimask_output=False)
    outputs = expected['outputs']
    assert_equals_summary(embeddings, outputs['embeddings'])
    masks = torch.cat([one.pred_masks, many.pred_masks], dim=2)
    assert_equals_summary(masks[:, 0], outputs['masks'])
    ious = torch.cat([one.iou_scores, many.iou_scores], dim=2)
    assert_equals_summary(ious[:, 0], outputs['ious'])


def test_ours_equals_metas_own_code(source, folder, expected):
    """Backbone and head, which read the converted folder."""
    init_default_scope('mmseg')
    settings = sam_settings(convert_sam(source))
    vision = settings['vision_config']
    init_cfg = dict(type='Pretrained', checkpoint=folder)
    backbone = SAMImageEncoder(
        vision.pop('image_size'), vision, init_cfg=init_cfg)
    backbone.init_weights()
    masks = []
    with torch.no_grad():
        features = backbone(meta_sam.images())
        for token in range(4):
            head = TeSOSAMHead(
                settings['mask_decoder_config'],
                mask_token=token,
                init_cfg=init_cfg)
            head.init_weights()
            masks.append(head(features))
    outputs = expected['outputs']
    assert_equals_summary(features[0], outputs['embeddings'])
    assert_equals_summary(torch.cat(masks, dim=1), outputs['masks'])


def test_every_number_arrives_once(source):
    """Numbers that are told apart, through renaming."""
    count = 0
    marked = {}
    for key, value in source.items():
        marked[key] = torch.arange(
            count, count + value.numel(),
            dtype=torch.float64).view(value.shape)
        count += value.numel()
    before = {key: value.clone() for key, value in marked.items()}
    converted = convert_sam(marked)
    arrived = torch.cat([value.flatten() for value in converted.values()])
    assert arrived.dtype == torch.float32
    # the random matrix of positions is there twice
    twice = converted.pop(
        'prompt_encoder.shared_embedding.positional_embedding')
    assert torch.equal(
        twice, converted['shared_image_embedding.positional_embedding'])
    arrived = torch.cat([value.flatten() for value in converted.values()])
    assert torch.equal(arrived.sort().values, torch.arange(count).float())
    for value in converted.values():  # copies
        value.zero_()
    assert all(torch.equal(marked[key], before[key]) for key in before)


def test_names_are_those_of_transformers(source):
    converted = convert_sam(source)
    config = make_config('SamConfig', sam_settings(converted))
    with torch.device('meta'):
        model = import_sam().SamModel(config)
    expected = {k: tuple(v.shape) for k, v in model.state_dict().items()}
    assert {k: tuple(v.shape) for k, v in converted.items()} == expected


def test_settings(source):
    settings = sam_settings(convert_sam(source))
    assert settings['vision_config'] == dict(
        hidden_size=16,
        output_channels=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_channels=3,
        image_size=64,
        patch_size=8,
        mlp_dim=64,
        mlp_ratio=4.0,
        window_size=3,
        global_attn_indexes=[1],
        num_pos_feats=16)
    assert settings['prompt_encoder_config'] == dict(
        hidden_size=32,
        image_size=64,
        patch_size=8,
        mask_input_channels=8,
        num_point_embeddings=4)
    assert settings['mask_decoder_config'] == dict(
        hidden_size=32,
        mlp_dim=48,
        num_hidden_layers=2,
        num_attention_heads=8,
        attention_downsample_rate=2,
        num_multimask_outputs=3,
        iou_head_depth=3,
        iou_head_hidden_dim=24,
        layer_norm_eps=1e-5)


@pytest.mark.parametrize('width, depth, heads', [
    pytest.param(768, 12, 12, id='vit_b'),
    pytest.param(1024, 24, 16, id='vit_l'),
    pytest.param(1280, 32, 16, id='vit_h')
])
def test_full_size_models(width, depth, heads, expected):
    """All names, and the structure, of each of Meta's models."""
    step = depth // 4  # the last of each quarter is global
    config = make_config(
        'SamConfig',
        dict(
            vision_config=dict(
                hidden_size=width,
                num_hidden_layers=depth,
                num_attention_heads=heads,
                global_attn_indexes=list(range(step - 1, depth, step)))))
    with torch.device('meta'):
        state_dict = import_sam().SamModel(config).state_dict()
    # more layers than the small one
    names = {
        name.replace('.blocks.0.', f'.blocks.{index}.')
        for name in expected['shapes'] for index in range(depth)
        if '.blocks.1.' not in name and '.blocks.2.' not in name
    }
    converted = convert_sam({name: torch.zeros(1) for name in names})
    assert converted.keys() == state_dict.keys()
    settings = sam_settings(state_dict)
    for part, fields in settings.items():
        for key, value in fields.items():
            if key != 'layer_norm_eps':
                assert getattr(getattr(config, part), key) == value, key


# ---------------------------------------------------------------- errors
@pytest.mark.parametrize('key', [
    'image_encoder.pos_embed', 'image_encoder.blocks.1.attn.qkv.bias',
    'image_encoder.neck.2.weight', 'prompt_encoder.no_mask_embed.weight',
    'prompt_encoder.mask_downscaling.6.bias',
    'mask_decoder.transformer.layers.1.norm4.weight',
    'mask_decoder.output_hypernetworks_mlps.0.layers.1.weight',
    'mask_decoder.iou_prediction_head.layers.0.bias'
])
def test_a_missing_weight_is_an_error(source, key):
    broken = {name: v for name, v in source.items() if name != key}
    with pytest.raises(SAMWeightsError, match=f"missing .*'{key}'"):
        convert_sam(broken)


def test_a_missing_layer_is_an_error(source):
    broken = {
        name: value
        for name, value in source.items() if '.blocks.1.' not in name
    }
    with pytest.raises(SAMWeightsError, match='missing .*blocks.1.attn'):
        convert_sam(broken)


@pytest.mark.parametrize('key', [
    'image_encoder.blocks.1.attn.q_norm.weight', 'pixel_mean',
    'model.image_encoder.pos_embed', 'mask_decoder.hf_token.weight'
])
def test_an_unknown_weight_is_an_error(source, key):
    with pytest.raises(SAMWeightsError, match=f"unknown .*'{key}'"):
        convert_sam({**source, key: torch.zeros(1)})


def test_two_weights_of_one_name_are_an_error(source, monkeypatch):
    monkeypatch.setitem(sam._MODULES, 'image_encoder.neck.1',
                        'vision_encoder.neck.layer_norm2')
    with pytest.raises(SAMWeightsError,
                       match="the name 'vision_encoder.neck.layer_norm2"):
        convert_sam(source)


def test_shapes_that_make_no_sam(source, tmp_path):
    converted = convert_sam(source)
    broken = dict(converted)
    broken['vision_encoder.pos_embed'] = torch.zeros(1, 8, 9, 16)
    with pytest.raises(SAMWeightsError, match='8 x 9'):
        sam_settings(broken)
    broken = dict(converted)
    key = 'vision_encoder.layers.{}.attn.rel_pos_h'
    broken[key.format(2)] = torch.zeros(7, 8)
    with pytest.raises(SAMWeightsError, match=r'several sizes: \[3, 4\]'):
        sam_settings(broken)
    broken = dict(converted)
    broken['mask_decoder.upscale_conv1.bias'] = torch.zeros(9)
    with pytest.raises(SAMWeightsError, match='upscale_conv1.bias'):
        write_sam_folder(str(tmp_path / 'sam'), broken)
    with pytest.raises(SAMWeightsError, match='divide'):
        write_sam_folder(str(tmp_path / 'sam'), converted, decoder_heads=7)
    assert not list(tmp_path.iterdir())


def test_written_folder(folder, source, tmp_path):
    assert sorted(os.listdir(folder)) == ['config.json', 'model.safetensors']
    for name in os.listdir(folder):  # as readable as any new file
        (tmp_path / 'any').touch()
        assert (os.stat(os.path.join(folder, name)).st_mode ==
                os.stat(tmp_path / 'any').st_mode)
    assert os.listdir(os.path.dirname(folder)) == ['sam']
    with pytest.raises(FileExistsError, match='exists already'):
        write_sam_folder(folder, convert_sam(source))


def test_what_an_interrupted_run_left_is_replaced(source, tmp_path):
    (tmp_path / 'sam.partial').mkdir()
    (tmp_path / 'sam.partial' / 'model.safetensors').write_text('half')
    write_sam_folder(str(tmp_path / 'sam'), convert_sam(source))
    assert [path.name for path in tmp_path.iterdir()] == ['sam']
    read_sam_folder(str(tmp_path / 'sam'))


def test_read_sam_weights(source, tmp_path):
    path = str(tmp_path / 'sam.pth')
    with pytest.raises(FileNotFoundError, match='https://dl.fbaipublicfiles'):
        read_sam_weights(path)
    torch.save(source, path)
    found = read_sam_weights(path)
    assert found.keys() == source.keys()
    assert all(torch.equal(found[key], source[key]) for key in source)
    torch.save([1], path)
    with pytest.raises(SAMWeightsError, match='by name'):
        read_sam_weights(path)
    with open(path, 'wb') as file:
        file.write(b'half')
    with pytest.raises(SAMWeightsError, match='complete'):
        read_sam_weights(path)
