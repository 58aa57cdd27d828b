# Copyright (c) mmteso contributors. All rights reserved.
"""OpenMMLab's Mask2Former checkpoints in the adapted model."""
import copy

import pytest
import torch
from mmengine.runner import Runner
from mmseg.models import EncoderDecoder
from narrow import (SIZE, STOCK, CallHook, adapters_of, build, load,
                    make_batch, narrow_config, set_classes, stock_model)

from data import make_avsbench

NEW = ('prompt_encoder.', 'decode_head.pmqs.', 'audio_encoder.')
CLASS_HEAD = {'decode_head.cls_embed.weight', 'decode_head.cls_embed.bias'}


def build_stock(kind, narrow=True):
    model = build(stock_model(kind, narrow), seed=1)
    assert type(model) is EncoderDecoder
    # a trained network's attention biases and norms are not at their start
    for parameter in model.parameters():
        if parameter.dim() == 1:
            parameter.data += 0.05 * torch.randn_like(parameter)
    return model.eval()


def save(model, path):
    """Write a checkpoint in the layout of OpenMMLab's model zoo."""
    torch.save(
        dict(meta=dict(dataset_meta=dict(classes=('wall', ),
                                         palette=[[0, 0, 0]]), epoch=0,
                       iter=160000, mmengine_version='0.3.2'),
             state_dict=model.state_dict()), path)


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
    stock = build_stock('swin-b')
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


def make_equal(config):
    """150 classes, PMQS off; the adapters stay."""
    set_classes(config.model, 150)
    # ADE20K's head, other data
    config.default_hooks.class_check.enabled = False
    config.model.decode_head.pmqs = None
    return config


@pytest.mark.parametrize('kind', STOCK)
def test_output_equals_stock_mask2former(kind, data_root, tmp_path):
    """After the runner's own init_weights, which knows no zero start."""
    stock = build_stock(kind)
    save(stock, tmp_path / 'stock.pth')
    config = make_equal(load(f'teso/teso_{kind}_v1m.py'))
    config = narrow_config(config, data_root, tmp_path / 'work')
    config.load_from = str(tmp_path / 'stock.pth')
    checked = []

    @torch.no_grad()
    def check(runner):
        assert_same_output(stock, runner.model, SIZE)
        # the comparison sees the adapters
        for part in ('backbone', 'pixel_decoder', 'transformer_decoder'):
            chosen = [adapter
                      for path, adapter in adapters_of(runner.model).items()
                      if part in path]
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
    assert checked == [0 if kind == 'r50' else 5, 2, 4]


@pytest.mark.slow
def test_full_size_swin_b():
    """106.9 million parameters, VGGish at random weights."""
    stock = build_stock('swin-b', narrow=False)
    config = make_equal(load('teso/teso_swin-b_v1m.py'))
    config.model.audio_encoder.init_cfg = None
    config.model.prompt_encoder.text_dims = 24
    ours = build(config.model)
    keys = ours.load_state_dict(stock.state_dict(), strict=False)
    assert not keys.unexpected_keys
    assert all(
        key.startswith(NEW) or '.adapter.' in key for key in keys.missing_keys)
    with torch.no_grad():
        assert_same_output(stock, ours, 224)
