# Copyright (c) mmteso contributors. All rights reserved.
"""mmengine's EMAHook."""
import copy

import pytest
import torch
from both_kinds import KINDS, read_checkpoint, run_training, whole_config
from narrow import CallHook

MOMENTUM = 0.25
EMA = dict(type='EMAHook', momentum=MOMENTUM)


def clone(model):
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def assert_equal(actual, expected):
    assert expected
    different = [name for name in expected
                 if not torch.equal(actual[name], expected[name])]
    assert not different, different


@pytest.mark.parametrize('kind', KINDS)
def test_average_validation_and_resuming(kind, synthavs, tmp_path):
    cfg = whole_config(kind, synthavs, tmp_path / 'whole', frames=6, epochs=5)
    cfg.custom_hooks = [dict(EMA, begin_iter=2)]
    cfg.train_cfg.val_interval = 3
    cfg.default_hooks.checkpoint.update(interval=3, max_keep_ckpts=-1)
    trained, validated = [], []
    run_training(
        copy.deepcopy(cfg), CallHook(
            after_train_iter=lambda r: trained.append(clone(r.model)),
            before_val_iter=lambda r: validated.append(clone(r.model))))

    # until begin_iter the average is the model itself, then it lags behind
    averages = [trained[0]]
    for weights in trained[1:]:
        averages.append({name: torch.lerp(averages[-1][name], weights[name],
                                          MOMENTUM) if len(averages) > 1
                         else weights[name] for name in weights})
    saved = {n: read_checkpoint(tmp_path / 'whole' / f'iter_{n}.pth')
             for n in (3, 5)}
    for n, checkpoint in saved.items():
        assert_equal(checkpoint['state_dict'], averages[n - 1])
        assert_equal(checkpoint['ema_state_dict'],
                     {f'module.{name}': value
                      for name, value in trained[n - 1].items()})
    assert_equal(validated[0], averages[2])
    assert any(not torch.equal(averages[2][name], trained[2][name])
               for name in trained[2])

    # interrupted and resumed
    cfg.work_dir = str(tmp_path / 'parts')
    part = copy.deepcopy(cfg)
    part.train_cfg.max_iters = 3
    run_training(part)
    cfg.update(resume=True, experiment_name=f'{cfg.experiment_name}-resumed')
    run_training(cfg)
    resumed = read_checkpoint(tmp_path / 'parts' / 'iter_5.pth')
    for key in ('state_dict', 'ema_state_dict'):
        assert_equal(resumed[key], saved[5][key])
