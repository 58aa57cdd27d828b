# Copyright (c) mmteso contributors. All rights reserved.
"""Hooks, wrappers and switches of mmengine that a training may have."""
import json

import pytest
import torch
from both_kinds import KINDS, run_training, whole_config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from narrow import CallHook, load, make_batch, narrow_config, narrow_model
from torch import nn

from data import make_avsbench
from mmteso.engine import enable_amp
from mmteso.models import BottleneckAdapter

STOP = dict(
    type='EarlyStoppingHook',
    monitor='J',
    rule='greater',
    # nothing is an improvement after the first validation
    min_delta=1000.,
    patience=2)


# ----------------------------------------------------------- EarlyStoppingHook
@pytest.mark.parametrize('kind', KINDS)
def test_early_stopping_by_iterations(kind, synthavs, tmp_path):
    cfg = whole_config(kind, synthavs, tmp_path, epochs=9)
    cfg.custom_hooks = [STOP]
    assert run_training(cfg).iter == 3


def test_early_stopping_by_epochs(tmp_path):
    root = make_avsbench(tmp_path / 'data', subsets=('v1m', ))
    cfg = narrow_config(
        load('teso/teso_r50_v1m.py'), root, tmp_path / 'work', epochs=9)
    cfg.custom_hooks = [dict(STOP, patience=1)]
    assert run_training(cfg).epoch == 2


def test_early_stopping_has_to_know_that_more_is_better(synthavs, tmp_path):
    """mmengine guesses for 'avss/mIoU', not for 'J'."""
    cfg = whole_config('fusion', synthavs, tmp_path)
    cfg.custom_hooks = [dict(type='EarlyStoppingHook', monitor='J')]
    with pytest.raises(ValueError, match='rule must be specified'):
        run_training(cfg)


# ---------------------------------------------------------- optimizer wrappers
@pytest.mark.parametrize('kind', KINDS)
def test_gradients_are_accumulated(kind, synthavs, tmp_path):
    cfg = whole_config(kind, synthavs, tmp_path, epochs=4)
    cfg.optim_wrapper.accumulative_counts = 2
    cfg.train_cfg.val_interval = 9
    states = []
    run_training(
        cfg,
        CallHook(after_train_iter=lambda runner: states.append(
            next(runner.model.decode_head.parameters()).detach().clone())))
    moved = [not torch.equal(*pair) for pair in zip(states, states[1:])]
    assert moved == [True, False, True]


@pytest.mark.parametrize('kind', KINDS)
def test_learning_rate_is_scaled(kind, synthavs, tmp_path):
    cfg = whole_config(kind, synthavs, tmp_path)
    cfg.param_scheduler = None
    # 2 frames are a batch here
    cfg.auto_scale_lr = dict(enable=True, base_batch_size=8)
    runner = run_training(cfg)
    groups = runner.optim_wrapper.optimizer.param_groups
    assert {group['lr'] for group in groups} == {
        cfg.optim_wrapper.optimizer.lr / 4
    }


@pytest.mark.parametrize('kind', KINDS)
def test_mixed_precision(kind, synthavs, tmp_path):
    """``tools/train.py --amp``, and testing with ``fp16=True``."""
    cfg = whole_config(kind, synthavs, tmp_path)
    enable_amp(cfg)
    cfg.val_cfg.fp16 = True
    types = set()
    hook = CallHook()
    hook.after_val_iter = lambda runner, batch_idx, data_batch, outputs: (
        types.update(sample.sounding_score.data.dtype for sample in outputs))
    runner = run_training(cfg, hook)
    assert types == {torch.float32}
    for name, parameter in runner.model.named_parameters():
        assert parameter.dtype == torch.float32, name
        assert torch.isfinite(parameter).all(), name


# ---------------------------------------------------------------- log and plot
@pytest.mark.parametrize('kind', KINDS)
def test_logs(kind, synthavs, tmp_path):
    """What mmseg's analyze_logs.py and TensorBoard read."""
    event_files = pytest.importorskip(
        'tensorboard.backend.event_processing.event_accumulator')
    cfg = whole_config(kind, synthavs, tmp_path, epochs=2)
    cfg.default_hooks.logger.interval = 1
    cfg.visualizer.vis_backends = [
        dict(type='LocalVisBackend'),
        dict(type='TensorboardVisBackend')
    ]
    runner = run_training(cfg)
    runner.visualizer.close()
    path, = tmp_path.glob('*/vis_data/scalars.json')
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    train = [line for line in lines if 'loss' in line]
    val = [line for line in lines if 'J' in line]
    assert [line['iter'] for line in train] == [1, 2]
    assert [line['step'] for line in val] == [1, 2]
    names = {'teso': 'decode.loss_mask', 'fusion': 'aux.loss_ce'}
    assert names[kind] in train[0] and 'cues/silent_kept' in val[0]
    events, = tmp_path.glob('*/vis_data/events.*')
    events = event_files.EventAccumulator(str(events)).Reload()
    assert {'loss', 'lr', 'J', names[kind]} <= set(events.Tags()['scalars'])
    assert [event.value for event in events.Scalars('J')] == pytest.approx(
        [line['J'] for line in val])


# ----------------------------------------------------------- memory and layout
def test_checkpointing_has_the_same_gradients():
    """Of adapters too, which train inside of a backbone that doesn't."""
    init_default_scope('mmseg')
    gradients = []
    for with_cp in (False, True):
        config = narrow_model(load('teso/teso_swin-b_v1m.py').model)
        config.backbone.with_cp = with_cp
        torch.manual_seed(0)
        model = MODELS.build(config)
        model.init_weights()
        for module in model.modules():
            if isinstance(module, BottleneckAdapter):
                nn.init.normal_(module.up.weight, std=0.1)
        assert all(block.with_cp == with_cp
                   for stage in model.backbone.stages
                   for block in stage.blocks)
        torch.manual_seed(1)
        sum(model.train().loss(**make_batch()).values()).backward()
        gradients.append({
            name: parameter.grad
            for name, parameter in model.named_parameters()
            if parameter.requires_grad
        })
    assert any('backbone' in name for name in gradients[0])
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, msg=name)


@pytest.mark.parametrize('kind', KINDS)
def test_channels_last(kind, synthavs, tmp_path):
    """Not an option of mmengine: a hook calls ``model.to``."""
    cfg = whole_config(kind, synthavs, tmp_path)
    init_default_scope('mmseg')
    batch = make_batch()
    model = MODELS.build(cfg.model).eval()
    plain = model.predict(**batch)[0].seg_logits.data.clone()
    model.to(memory_format=torch.channels_last)
    batch['inputs']['img'] = batch['inputs']['img'].contiguous(
        memory_format=torch.channels_last)
    other = model.predict(**batch)[0].seg_logits.data
    torch.testing.assert_close(other, plain, rtol=1e-3, atol=1e-4)


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


@pytest.mark.slow
def test_profiler(synthavs, tmp_path, capfd):
    cfg = whole_config('fusion', synthavs, tmp_path, epochs=2)
    cfg.custom_hooks = [
        dict(
            type='ProfilerHook',
            by_epoch=False,
            profile_times=1,
            on_trace_ready=dict(
                type='log_trace', sort_by='self_cpu_time_total'))
    ]
    run_training(cfg)
    assert 'Self CPU time total' in capfd.readouterr().out
