# Copyright (c) mmteso contributors. All rights reserved.
"""OpenMMLab's Mask2Former checkpoints in the adapted model."""
import copy

import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.models import EncoderDecoder
from mmseg.registry import MODELS
from narrow import (SIZE, CallHook, load, make_batch, narrow_config,
                    narrow_model, stock_config)

from data import make_avsbench
from mmteso.models import BottleneckAdapter

PAIRS = {
    'teso/teso_swin-b_v1m.py':
    'mask2former_swin-b-in22k-384x384-pre_8xb2-160k_ade20k-640x640.py',
    'teso/teso_swin-t_v1m.py':
    'mask2former_swin-t_8xb2-160k_ade20k-512x512.py',
    'teso/teso_r50_v1m.py':
    'mask2former_r50_8xb2-160k_ade20k-512x512.py',
}
NEW = ('prompt_encoder.', 'decode_head.pmqs.', 'audio_encoder.')
CLASS_HEAD = {'decode_head.cls_embed.weight', 'decode_head.cls_embed.bias'}


def build_stock(name, narrow=True):
    init_default_scope('mmseg')
    torch.manual_seed(1)
    model = stock_config(name).model
    if narrow:
        narrow_model(model)
    model.backbone.pop('init_cfg', None)
    if model.backbone.type == 'ResNet':
        # as OpenMMLab's tools revert it where no process group is there
        model.backbone.norm_cfg.type = 'BN'
    model.data_preprocessor.pop('batch_augments', None)
    model = MODELS.build(model)
    assert type(model) is EncoderDecoder
    model.init_weights()
    # a trained network's attention biases and norms are not at their start
    for parameter in model.parameters():
        if parameter.dim() == 1:
            parameter.data += 0.05 * torch.randn_like(parameter)
    return model.eval()


def save(model, path):
    """Write a checkpoint in the layout of OpenMMLab's model zoo."""
    torch.save(
        dict(
            meta=dict(
                dataset_meta=dict(classes=('wall', ), palette=[[0, 0, 0]]),
                epoch=0,
                iter=160000,
                mmengine_version='0.3.2'),
            state_dict=model.state_dict()), path)


@pytest.mark.parametrize('name', PAIRS)
def test_keys(name):
    init_default_scope('mmseg')
    ours = MODELS.build(narrow_model(load(name).model))
    stock = build_stock(PAIRS[name]).state_dict()
    state = ours.state_dict()
    assert stock.keys() <= state.keys()
    mismatched = {k for k in stock if stock[k].shape != state[k].shape}
    assert mismatched == CLASS_HEAD
    # what trains is what the file doesn't bring
    missing = state.keys() - stock.keys()
    assert all(key.startswith(NEW) or '.adapter.' in key for key in missing)
    trained = {key for key, p in ours.named_parameters() if p.requires_grad}
    assert trained == missing | mismatched
    assert any(key.startswith('decode_head.pmqs.') for key in missing)


def train(config, before_train):
    """Run a real runner, and a function where training begins."""
    runner = Runner.from_cfg(config)
    runner.register_hook(CallHook(before_train=before_train))
    runner.train()


@pytest.fixture
def data_root(tmp_path):
    return make_avsbench(tmp_path / 'data', subsets=('v1m', ))


def test_runner_loads_all_but_the_class_head(data_root, tmp_path, capfd):
    name = 'teso/teso_swin-b_v1m.py'
    stock = build_stock(PAIRS[name])
    save(stock, tmp_path / 'stock.pth')
    config = narrow_config(load(name), data_root, tmp_path / 'work')
    config.load_from = str(tmp_path / 'stock.pth')
    config.log_level = 'INFO'  # mmengine reports what it could not load
    states = []
    train(config, lambda runner: states.append(
        copy.deepcopy(runner.model.state_dict())))
    for key, value in stock.state_dict().items():
        if key not in CLASS_HEAD:
            assert torch.equal(states[0][key], value), key
    report = ''.join(capfd.readouterr())
    assert 'size mismatch for decode_head.cls_embed.weight' in report
    assert report.count('size mismatch for') == 2
    assert 'unexpected key' not in report


def assert_same_output(stock, ours, size):
    batch = make_batch(size=size)
    expected = stock.predict(batch['inputs']['img'],
                             copy.deepcopy(batch['data_samples']))
    results = ours.eval().predict(**batch)
    for result, reference in zip(results, expected):
        reference = reference.seg_logits.data
        assert reference.std() > 1e-3
        torch.testing.assert_close(
            result.seg_logits.data, reference, atol=1e-5, rtol=1e-5)


def make_equal(config, num_classes=150):
    """150 classes, PMQS off; the adapters stay."""
    config.model.decode_head.num_classes = num_classes
    # ADE20K's head, other data
    config.default_hooks.class_check.enabled = False
    config.model.decode_head.loss_cls.class_weight = \
        [1.0] * num_classes + [0.1]
    config.model.decode_head.pmqs = None
    return config


@pytest.mark.parametrize('name', PAIRS)
def test_output_equals_stock_mask2former(name, data_root, tmp_path):
    """After the runner's own init_weights, which knows no zero start."""
    stock = build_stock(PAIRS[name])
    save(stock, tmp_path / 'stock.pth')
    config = make_equal(load(name))
    config = narrow_config(config, data_root, tmp_path / 'work')
    config.load_from = str(tmp_path / 'stock.pth')
    checked = []

    @torch.no_grad()
    def check(runner):
        assert_same_output(stock, runner.model, SIZE)
        # the comparison sees the adapters
        for kind in ('backbone', 'pixel_decoder', 'transformer_decoder'):
            chosen = [
                module for path, module in runner.model.named_modules()
                if kind in path and isinstance(module, BottleneckAdapter)
            ]
            checked.append(len(chosen))
            for adapter in chosen:
                adapter.up.bias.normal_()
            if chosen:
                with pytest.raises(AssertionError, match='not close'):
                    assert_same_output(stock, runner.model, SIZE)
            for adapter in chosen:
                adapter.up.bias.zero_()
        runner.model.train()

    train(config, check)
    # a ResNet has no window attention
    assert checked == [0 if 'r50' in name else 5, 2, 4]


@pytest.mark.slow
def test_full_size_swin_b():
    """106.9 million parameters, VGGish at random weights."""
    name = 'teso/teso_swin-b_v1m.py'
    stock = build_stock(PAIRS[name], narrow=False)
    config = make_equal(load(name))
    config.model.audio_encoder.init_cfg = None
    config.model.prompt_encoder.text_dims = 24
    ours = MODELS.build(config.model)
    ours.init_weights()
    keys = ours.load_state_dict(stock.state_dict(), strict=False)
    assert not keys.unexpected_keys
    assert all(
        key.startswith(NEW) or '.adapter.' in key for key in keys.missing_keys)
    with torch.no_grad():
        assert_same_output(stock, ours, 224)
