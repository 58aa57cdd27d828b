# Copyright (c) mmteso contributors. All rights reserved.
"""Weights of other projects, against those projects' own models."""
import copy
import re

import meta_sam
import pytest
import torch
from meta_sam import assert_equals_summary, random_state_dict, reference
from mmengine.config import Config
from mmengine.registry import init_default_scope
from narrow import build, load
from processes import call_tool
from safetensors.torch import load_file, save_file
from tiny_mask2former import (hf_logits, narrow_like_hf, stock_logits,
                              tiny_hf_mask2former, tiny_stock_config)

from mmteso.models import SAMImageEncoder, TeSOSAMHead
from mmteso.models.converters import (
    convert_mask2former, convert_sam, find_differences, load_hf_mask2former,
    pixel_settings, sam_settings, write_sam_folder)
from mmteso.models.sam import read_sam_folder

pytest.importorskip('transformers', reason="needs pip install 'mmteso[text]'")


# kind, transformers' backbone, transformers' model, mmsegmentation's model
PAIRS = [
    ('swin', {}, {}, {}),
    ('resnet', {}, {}, {}),
    ('swin', dict(qkv_bias=False, depths=[1, 1, 2, 1], window_size=3),
     dict(enforce_input_projection=True, num_queries=3, mask_feature_size=16),
     dict(
         backbone=dict(qkv_bias=False, depths=[1, 1, 2, 1], window_size=3),
         decode_head=dict(
             enforce_decoder_input_project=True,
             num_queries=3,
             out_channels=16))),
    ('swin', dict(use_absolute_embeddings=True), {},
     dict(backbone=dict(use_abs_pos_embed=True, pretrain_img_size=64))),
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


def window_of(model):
    return getattr(model.config.backbone_config, 'window_size', 0)


@pytest.mark.parametrize('kind, backbone, settings, changes', PAIRS)
@torch.no_grad()
def test_mask2former_has_the_same_logits(kind, backbone, settings, changes):
    theirs = tiny_hf_mask2former(kind, backbone, **settings)
    config = tiny_stock_config(kind)
    for part, values in changes.items():
        config[part].update(values)
    weights = convert_mask2former(theirs.state_dict(), window_of(theirs))
    assert find_differences(weights, theirs.config, config) == []
    ours = build(config).eval()
    ours.load_state_dict(weights, strict=True)
    # odd sizes at each level: windows and merged patches are padded
    size = (64, 64) if backbone.get('use_absolute_embeddings') else (72, 100)
    rng = torch.Generator().manual_seed(1)
    image = torch.randn(2, 3, *size, generator=rng)
    for one, other in zip(hf_logits(theirs, image), stock_logits(ours, image)):
        assert one.std() > 0.1
        torch.testing.assert_close(other, one, atol=1e-4, rtol=0)


@pytest.mark.parametrize('kind', ['swin', 'resnet'])
def test_mask2former_from_a_folder(kind, tmp_path, capsys):
    """Names in files aren't those in memory; through the tool."""
    model = tiny_hf_mask2former(kind)
    model.save_pretrained(tmp_path / 'hf')
    expected = convert_mask2former(model.state_dict(), window_of(model))
    stored = load_file(tmp_path / 'hf' / 'model.safetensors')
    found = convert_mask2former(stored, window_of(model))
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    ours = dict(swin='teso/teso_swin-t_v1m.py', resnet='teso/teso_r50_v1m.py')
    config = narrow_like_hf(load(ours[kind]).model)
    Config(dict(model=config)).dump(tmp_path / 'config.py')
    config.decode_head.num_queries = 9
    Config(dict(model=config)).dump(tmp_path / 'other.py')

    def convert(out, config):
        call_tool('model_converters/mask2former_hf_to_mmseg.py',
                  tmp_path / 'hf', tmp_path / out, '--config',
                  tmp_path / config)
        return capsys.readouterr()

    assert ' 5 classes' in convert('out.pth', 'config.py').out
    state = torch.load(tmp_path / 'out.pth', weights_only=True)['state_dict']
    assert all(torch.equal(state[key], expected[key]) for key in expected)
    for out, config, message in (
        ('out.pth', 'config.py', 'exists already'),
        ('no.pth', 'other.py', r'query_feat.weight.*\[8, 64\].*\[9, 64\]')):
        with pytest.raises(SystemExit):
            convert(out, config)
        assert re.search(message, capsys.readouterr().err)
    assert not (tmp_path / 'no.pth').exists()
    # weights that are not whole
    del stored['class_predictor.bias']
    save_file(stored, tmp_path / 'hf' / 'model.safetensors', dict(format='pt'))
    with pytest.raises(ValueError, match='lack 1 .*class_predictor.bias'):
        load_hf_mask2former(str(tmp_path / 'hf'))


def test_mask2former_what_shapes_do_not_tell():
    theirs, config = tiny_hf_mask2former('resnet'), tiny_stock_config('resnet')
    weights = convert_mask2former(theirs.state_dict())
    other = copy.deepcopy(config)
    other.backbone.style = 'caffe'
    layer = other.decode_head.transformer_decoder.layer_cfg
    layer.self_attn_cfg.num_heads = 8
    lines = '\n'.join(find_differences(weights, theirs.config, other))
    assert "'caffe'" in lines and '[4, 8, 4]' in lines
    with pytest.raises(ValueError, match="'more.weight' is no weight of a"):
        convert_mask2former({'more.weight': torch.zeros(1)})


def test_mask2former_pixels():
    own = load('teso/teso_swin-b_v1m.py').model.data_preprocessor
    found = pixel_settings(
        dict(rescale_factor=0.00392156862745098,
             image_mean=[0.48500001430511475, 0.456, 0.4059999883174896],
             image_std=[0.2290000021457672, 0.224, 0.225]))
    assert found['bgr_to_rgb'] is own.bgr_to_rgb
    for name in ('mean', 'std'):
        assert found[name] == pytest.approx(own[name], abs=1e-2)
    assert pixel_settings(dict(do_normalize=False))['std'] == [255] * 3


@pytest.fixture(scope='module')
def source():
    return random_state_dict(reference()['shapes'])


@torch.no_grad()
def test_sam_equals_metas_own_code(source, tmp_path, capsys):
    """Through the tool; by what Meta's code gave for the same weights."""
    torch.save(source, tmp_path / 'meta.pth')
    folder = tmp_path / 'new' / 'sam'
    call_tool('model_converters/sam_to_transformers.py', tmp_path / 'meta.pth',
              folder)
    assert '189 tensors' in capsys.readouterr().out
    outputs, images = reference()['outputs'], meta_sam.images()
    model = read_sam_folder(str(folder)).eval()
    assert_equals_summary(model.vision_encoder(images)[0],
                          outputs['embeddings'])
    both = [model(pixel_values=images, multimask_output=many)
            for many in (False, True)]
    masks = torch.cat([one.pred_masks for one in both], dim=2)[:, 0]
    assert_equals_summary(masks, outputs['masks'])
    ious = torch.cat([one.iou_scores for one in both], dim=2)[:, 0]
    assert_equals_summary(ious, outputs['ious'])

    # our backbone and head, which read that folder
    init_default_scope('mmseg')
    settings = sam_settings(convert_sam(source))
    init_cfg = dict(type='Pretrained', checkpoint=str(folder))
    vision = settings['vision_config']
    backbone = SAMImageEncoder(
        vision.pop('image_size'), vision, init_cfg=init_cfg)
    backbone.init_weights()
    head = TeSOSAMHead(settings['mask_decoder_config'], init_cfg=init_cfg)
    head.init_weights()
    torch.testing.assert_close(
        head(backbone(images)), masks[:, :1], atol=1e-5, rtol=1e-5)


def test_sam_weights_that_are_not_whole(source, tmp_path):
    folder = str(tmp_path / 'sam')
    for key in ('image_encoder.pos_embed',
                'image_encoder.blocks.1.attn.qkv.bias'):
        broken = {name: v for name, v in source.items() if name != key}
        with pytest.raises(ValueError, match='whole SAM'):
            write_sam_folder(folder, convert_sam(broken))
    more = {**source, 'hf_token.weight': torch.zeros(1)}
    with pytest.raises(ValueError, match='(?s)whole SAM.*hf_token'):
        write_sam_folder(folder, convert_sam(more))
    assert not list(tmp_path.iterdir())
    with pytest.raises(FileExistsError):
        write_sam_folder(str(tmp_path), convert_sam(source))


def test_sam_folders_that_are_none(source, tmp_path):
    with pytest.raises(FileNotFoundError, match='sam_to_transformers'):
        read_sam_folder('facebook/sam-vit-base')  # nor is the Hub asked
    folder = tmp_path / 'sam'
    write_sam_folder(str(folder), convert_sam(source))
    path = folder / 'config.json'
    path.write_text(path.read_text().replace('"sam"', '"sam2"'))
    with pytest.raises(ValueError, match="type 'sam2', not a SAM"):
        read_sam_folder(str(folder))
