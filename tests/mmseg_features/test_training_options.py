# Copyright (c) mmteso contributors. All rights reserved.
"""Hooks, wrappers and switches of mmengine that a training may have."""
import json

import pytest
import torch
from both_kinds import KINDS, run_training, whole_config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from narrow import CallHook, load, make_batch, narrow_model
from torch import nn

from mmteso.engine import enable_amp
from mmteso.models import BottleneckAdapter


@pytest.mark.parametrize('kind', KINDS)
def test_switches_together(kind, synthavs, tmp_path):
    """Early stopping, accumulated gradients, a scaled rate, and the logs."""
    cfg = whole_config(kind, synthavs, tmp_path, epochs=9)
    cfg.custom_hooks = [
        dict(
            type='EarlyStoppingHook',
            monitor='J',
            rule='greater',
            # nothing is an improvement after the first validation
            min_delta=1000.,
            patience=3)
    ]
    cfg.optim_wrapper.accumulative_counts = 2
    cfg.param_scheduler = None
    # 2 frames are a batch here
    cfg.auto_scale_lr = dict(enable=True, base_batch_size=8)
    cfg.default_hooks.logger.interval = 1
    states = []
    runner = run_training(
        cfg,
        CallHook(after_train_iter=lambda runner: states.append(
            next(runner.model.decode_head.parameters()).detach().clone())))
    assert runner.iter == 4
    moved = [not torch.equal(*pair) for pair in zip(states, states[1:])]
    assert moved == [True, False, True]
    groups = runner.optim_wrapper.optimizer.param_groups
    assert {group['lr']
            for group in groups} == {cfg.optim_wrapper.optimizer.lr / 4}
    # what mmseg's analyze_logs.py reads
    path, = tmp_path.glob('*/vis_data/scalars.json')
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    train = [line for line in lines if 'loss' in line]
    val = [line for line in lines if 'J' in line]
    assert [line['iter'] for line in train] == [1, 2, 3, 4]
    assert [line['step'] for line in val] == [1, 2, 3, 4]
    names = {'teso': 'decode.loss_mask', 'fusion': 'aux.loss_ce'}
    assert names[kind] in train[0] and 'cues/silent_kept' in val[0]


@pytest.mark.parametrize('kind', KINDS)
def test_mixed_precision(kind, synthavs, tmp_path):
    """``tools/train.py --amp``, and testing with ``fp16=True``."""
    cfg = whole_config(kind, synthavs, tmp_path)
    enable_amp(cfg)
    cfg.val_cfg.fp16 = True
    computed, types = set(), set()
    hook = CallHook(
        before_train=lambda runner: runner.model.backbone.conv1.
        register_forward_hook(lambda *args: computed.add(args[-1].dtype)))
    hook.after_val_iter = lambda runner, batch_idx, data_batch, outputs: (
        types.update(sample.sounding_score.data.dtype for sample in outputs))
    runner = run_training(cfg, hook)
    assert torch.bfloat16 in computed and types == {torch.float32}
    for name, parameter in runner.model.named_parameters():
        assert parameter.dtype == torch.float32, name
        assert torch.isfinite(parameter).all(), name


@pytest.mark.parametrize('backbone', ['swin-b', 'beit-b'])
def test_checkpointing_has_the_same_gradients(backbone, warned):
    """Of adapters too, which train inside of a backbone that doesn't."""
    init_default_scope('mmseg')
    gradients = []
    for with_cp in (False, True):
        config = narrow_model(load(f'teso/teso_{backbone}_v1m.py').model)
        config.backbone.with_cp = with_cp
        torch.manual_seed(0)
        model = MODELS.build(config)
        model.init_weights()
        for module in model.modules():
            if isinstance(module, BottleneckAdapter):
                nn.init.normal_(module.up.weight, std=0.1)
        torch.manual_seed(1)
        sum(model.train().loss(**make_batch()).values()).backward()
        gradients.append({name: parameter.grad
                          for name, parameter in model.named_parameters()
                          if parameter.requires_grad})
    assert any('backbone' in name for name in gradients[0])
    assert all(gradient is not None for gradient in gradients[1].values())
    # transformers can't recompute what is frozen
    assert any('with_cp has no effect' in text
               for text in warned) == (backbone == 'beit-b')
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, msg=name)


@pytest.mark.slow
@pytest.mark.parametrize('kind', KINDS)
def test_compiled(kind, synthavs, tmp_path):
    """By dynamo; how it makes code of the graphs is its backend's business."""
    weights = []
    for compiled in (False, dict(backend='eager')):
        cfg = whole_config(kind, synthavs, tmp_path / str(compiled))
        cfg.compile = compiled
        weights.append(run_training(cfg).model.state_dict())
    for name, value in weights[0].items():
        torch.testing.assert_close(weights[1][name], value, msg=name)
