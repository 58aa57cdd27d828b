# Copyright (c) mmteso contributors. All rights reserved.
import copy
import functools
from collections import Counter
from types import SimpleNamespace

import pytest
import tiny_audio
import torch
from both_kinds import fusion_model, whole_config
from mmengine.analysis import get_model_complexity_info
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from narrow import (PROMPT_DIMS, TEXT_DIMS, fcn_config, load, make_batch,
                    narrow_model)
from torch.utils.flop_counter import FlopCounterMode

from mmteso.apis import format_complexity, model_complexity

SIZE = (64, 96)
# what torch's own counter knows, two operations for a multiply-add
PRODUCTS = ('conv', 'linear', 'matmul', 'bmm', 'addmm', 'einsum', 'baddbmm',
            'scaled_dot_product_attention')


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmseg')


@pytest.fixture
def inputs_alone(monkeypatch):
    """Spare the counting."""
    monkeypatch.setattr(
        'mmteso.apis.complexity._analyze', lambda *_: SimpleNamespace(
            by_module=Counter, by_operator=Counter, unsupported_ops=Counter))


def config(kind='teso'):
    return whole_config(kind, 'data', 'work')


@functools.lru_cache(maxsize=None)
def counted(name):
    """A config and what it computes at 64 x 64."""
    cfg = config('fusion' if name == 'fusion' else 'teso')
    if name == 'swin':
        cfg.model = narrow_model(load('teso/teso_swin-b_v1m.py').model)
    if name == 'mask2former':
        head = cfg.model.decode_head
        head.type = 'Mask2FormerHead'
        head.pop('pmqs')
        cfg.model.fusion = dict(
            fusion_model().fusion, in_channels=head.in_channels)
    return cfg, model_complexity(cfg, (64, 64))


def flops_of(complexity):
    return {part.name: part.flops for part in complexity.parts}


@pytest.mark.parametrize('kind', ['EncoderDecoder', 'AudioTextSegmentor'])
def test_image_alone_counts_as_in_mmseg(kind):
    """By the call of its script, which fails itself in mmseg 1.2.2."""
    model = dict(
        fcn_config(),
        type='EncoderDecoder',
        data_preprocessor=dict(type='SegDataPreProcessor'))
    cfg = Config(dict(model=model))
    stock = MODELS.build(copy.deepcopy(cfg.model)).eval()
    stock.auxiliary_head = None
    image = torch.rand(1, 3, *SIZE)
    expected = get_model_complexity_info(
        stock, inputs=(image, ), show_table=False, show_arch=False)
    cfg.model.type = kind
    if kind == 'AudioTextSegmentor':
        cfg.model.data_preprocessor.type = 'AVTDataPreProcessor'
    found = model_complexity(cfg, SIZE)
    assert found.total.flops == expected['flops'] > 1e6
    assert found.total.parameters == expected['params']
    assert found.inputs == dict(img=(1, 3, *SIZE))
    assert [part.name for part in found.parts] == ['backbone', 'decode_head']


def test_by_hand():
    """A fusion on 2 x 3 pixels; VGGish's ten layers."""
    cfg = config('fusion')
    cfg.model.audio_encoder = dict(type='VGGish')
    found = model_complexity(cfg, SIZE)
    assert found.inputs == dict(
        img=(1, 3, *SIZE),
        log_mel=(1, 1, 96, 64),
        text_feat=(1, 4, TEXT_DIMS),
        text_valid=(1, 4))
    flops = flops_of(found)
    convs = [(96 * 64, 1, 64), (48 * 32, 64, 128), (24 * 16, 128, 256),
             (24 * 16, 256, 256), (12 * 8, 256, 512), (12 * 8, 512, 512)]
    assert flops['audio_encoder'] == sum(
        9 * pixels * before * after for pixels, before, after in convs) + (
            6 * 4 * 512 * 4096 + 4096 * 4096 + 4096 * 128)
    pixels, keys, width = 6, 5, 16
    linear = keys * (PROMPT_DIMS + width) * width  # shared projection
    linear += pixels * 64 * width * 2  # down and up
    linear += (pixels + keys + keys + pixels) * width * width  # q, k, v, out
    attention = 2 * pixels * keys * width
    norm = 5 * pixels * 64
    assert flops['fusion'] == linear + attention + norm


@pytest.mark.parametrize('name', ['teso', 'fusion', 'swin', 'mask2former'])
def test_products_as_torch_counts_them(name):
    """Another counter, of the operators that run, not of a traced graph."""
    cfg, found = counted(name)
    assert found.to_maps == (name == 'mask2former')
    model = MODELS.build(copy.deepcopy(cfg.model)).eval()
    model.auxiliary_head = None
    batch = make_batch(1)
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with FlopCounterMode(display=False) as counter:
            if found.to_maps:
                model.encode_decode(
                    batch['inputs']['img'],
                    [sample.metainfo for sample in batch['data_samples']],
                    model.encode_prompt(batch['inputs']))
            else:
                model(batch['inputs'], mode='tensor')
    finally:
        torch.backends.mha.set_fastpath_enabled(True)
    products = sum(found.by_operator[name] for name in PRODUCTS)
    # mmengine reads the counts of einsums off NumPy's rounded report
    assert 2 * products == pytest.approx(counter.get_total_flops(), rel=1e-3)
    assert products < found.total.flops < 1.3 * products
    assert (found.attention_flops > 0) == (name != 'fusion')
    assert sum(found.by_operator.values()) == found.total.flops


@pytest.mark.parametrize('name', ['teso', 'swin'])
def test_parameters(name):
    """All of them are in a part; adapters train in a frozen backbone."""
    cfg, found = counted(name)
    model = MODELS.build(copy.deepcopy(cfg.model))
    sizes = [(p.numel(), p.requires_grad) for p in model.parameters()]
    assert found.total.parameters == sum(size for size, _ in sizes)
    assert found.total.trainable == sum(n for n, trains in sizes if trains)
    backbone = found.parts[0]
    if name == 'swin':
        assert 0 < backbone.trainable < backbone.parameters
    else:
        assert backbone.trainable == backbone.parameters


def test_image_is_padded_as_in_a_test(inputs_alone):
    found = model_complexity(config('fusion'), (33, 64))
    assert found.inputs['img'] == (1, 3, 64, 64)


def test_other_audio_encoders(tmp_path):
    """What they read is what the pipeline's front end makes of a second."""
    folder = tiny_audio.write_ast(tmp_path)
    cfg = config('fusion')
    cfg.model.audio_encoder = dict(
        type='TransformersAudioEncoder', pretrained=folder)
    cfg.model.prompt_encoder.audio_dims = 32
    cfg.test_dataloader.dataset.pipeline[3] = dict(
        type='AudioToModelInput', pretrained=folder)
    found = model_complexity(cfg, (64, 64))
    assert found.inputs['audio_values'] == (1, 128, 64)
    tokens, layers, width, inner = 5 * 12 + 2, 2, 32, 48
    # q, k, v, out, and the feed-forward network
    linear = layers * tokens * width * (4 * width + 2 * inner)
    attention = layers * 2 * tokens**2 * width
    flops = flops_of(found)['audio_encoder']
    assert found.by_operator['scaled_dot_product_attention'] == attention
    assert linear + attention < flops < 1.6 * (linear + attention)


def test_cached_features_cost_nothing():
    cfg = config('fusion')
    cfg.model.audio_encoder = dict(type='VGGish')
    pipeline = cfg.test_dataloader.dataset.pipeline
    pipeline[2:4] = [dict(type='LoadAudioFeatures', feature_file='no file')]
    found = model_complexity(cfg, (64, 64))
    assert found.inputs['audio_feat'] == (1, 128)
    assert flops_of(found)['audio_encoder'] == 0


@pytest.mark.parametrize('name, inputs', [
    ('without-audio', ['img', 'text_feat', 'text_valid']),
    ('without-text', ['img', 'log_mel']),
    ('without-text-and-audio', ['img'])])
def test_ablations_read_less(name, inputs, inputs_alone):
    cfg = load(f'ablations/synthavs/{name}.py')
    cfg.model = narrow_model(cfg.model)
    found = model_complexity(cfg, (64, 64))
    assert list(found.inputs) == inputs


def test_size_of_the_image(inputs_alone):
    cfg = load('teso/teso_r50_v1m.py')
    cfg.model = narrow_model(cfg.model)
    assert model_complexity(cfg).inputs['img'] == (1, 3, 384, 384)
    for step in cfg.test_dataloader.dataset.pipeline:
        if step.type == 'Resize':
            step.scale = (96, 64)  # width first
    assert model_complexity(cfg).inputs['img'] == (1, 3, 64, 96)
    assert model_complexity(cfg, [32]).inputs['img'] == (1, 3, 32, 32)
    with pytest.raises(ValueError, match='height and width'):
        model_complexity(config())
    with pytest.raises(ValueError, match=r'\(1, 2, 3\)'):
        model_complexity(cfg, [1, 2, 3])


def test_report():
    _, found = counted('teso')
    text = format_complexity(found)
    assert 'log_mel 1 x 1 x 96 x 64' in text
    for part in (*found.parts, found.total):
        row, = (line for line in text.splitlines()
                if line.startswith(f'| {part.name} '))
        assert f' {part.flops / 1e6:.3f} ' in row
        assert f' {part.parameters / 1e6:.3f} ' in row
    assert 'softmax' in text.split('Not counted')[1]
