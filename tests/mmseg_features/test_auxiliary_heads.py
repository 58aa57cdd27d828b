# Copyright (c) mmteso contributors. All rights reserved.
"""Deep supervision: auxiliary heads beside either kind of decode head."""
import copy

import pytest
import torch
from both_kinds import KINDS, run_test, run_training, whole_config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from narrow import CallHook, fcn_config, make_batch

WIDTHS = (8, 16, 32, 64)  # of a narrow ResNet-18


def fcn_head(level):
    return dict(
        fcn_config().decode_head, in_channels=WIDTHS[level], in_index=level)


def config_with(kind, heads, levels, root, work_dir):
    """A config with auxiliary heads, which read some levels."""
    cfg = whole_config(kind, root, work_dir)
    if kind == 'fusion':
        cfg.model.backbone.out_indices = (0, 1, 2, 3)
        cfg.model.decode_head = fcn_head(3)
        cfg.model.fusion.update(in_channels=WIDTHS, levels=levels + [3])
    cfg.model.auxiliary_head = heads
    return cfg


@pytest.mark.parametrize('kind', KINDS)
def test_several_heads(kind, synthavs, tmp_path):
    """Named as mmseg names them, part of the loss, idle in a test."""
    cfg = config_with(
        kind, [fcn_head(1), fcn_head(2)], [1, 2], synthavs, tmp_path)
    logged = {}
    hook = CallHook()
    hook.after_train_iter = lambda runner, batch_idx, data_batch, outputs: (
        logged.update(outputs))
    run_training(cfg, hook)
    parts = {name for name in logged if name.startswith('aux_')
             and 'loss' in name}
    assert parts == {'aux_0.loss_ce', 'aux_1.loss_ce'}
    assert any(name.startswith('decode.') for name in logged)
    total = sum(value for name, value in logged.items()
                if name.split('.')[-1].startswith('loss_'))
    torch.testing.assert_close(logged['loss'], total)

    calls = []

    def watch(runner):
        for head in runner.model.auxiliary_head:
            head.register_forward_hook(lambda *_: calls.append(1))
        runner.model.backbone.register_forward_hook(
            lambda *_: calls.append('looked'))

    run_test(cfg, tmp_path / 'iter_1.pth', CallHook(before_test=watch))
    assert calls == ['looked']


@pytest.mark.parametrize('kind', KINDS)
def test_prompt_goes_where_it_is_taken(kind, synthavs, tmp_path):
    """A TeSOHead hears as an auxiliary head too; an FCN by the fusion only."""
    init_default_scope('mmseg')
    prompted = whole_config('teso', synthavs, tmp_path).model.decode_head
    cfg = config_with(
        kind, [fcn_head(2), prompted], [0, 1, 2], synthavs, tmp_path)
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    model.eval()
    batch = make_batch()
    other = copy.deepcopy(batch)
    other['inputs']['log_mel'] += 1
    losses = []
    for frames in (batch, other):
        torch.manual_seed(0)  # Mask2Former samples points
        losses.append(model.loss(**frames))
    hear = {name.split('.')[0] for name, loss in losses[0].items()
            if loss != losses[1][name]}
    # the fusion is untrained
    hear -= {'loss_latent'}
    assert hear == ({'aux_1', 'decode'} if kind == 'teso' else {'aux_1'})
