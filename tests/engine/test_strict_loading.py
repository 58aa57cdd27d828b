# Copyright (c) mmteso contributors. All rights reserved.
"""Through whole tests, as tools/test.py makes them."""
import json
from types import SimpleNamespace

import pytest
import torch
from both_kinds import (random_checkpoint, read_checkpoint, run_test, run_tool,
                        run_training, whole_config)
from mmengine.config import Config
from mmseg.registry import HOOKS

from mmteso.engine import require_whole_checkpoint
from mmteso.version import __version__


@pytest.fixture
def cfg(synthavs, tmp_path):
    return whole_config('teso', synthavs, tmp_path / 'work')


@pytest.fixture
def saved(cfg):
    """An untrained model's checkpoint, and a function that changes it."""
    path = random_checkpoint(cfg)

    def save(change):
        checkpoint = read_checkpoint(path)
        change(checkpoint['state_dict'])
        torch.save(checkpoint, path)
        return path

    return save


def strict_test(cfg, checkpoint, *allow_keys):
    require_whole_checkpoint(cfg, allow_keys)
    return run_test(cfg, checkpoint)[1]


def drop_pmqs(state_dict):
    for key in [key for key in state_dict if '.pmqs.' in key]:
        del state_dict[key]


@pytest.mark.parametrize('options', [[], ['--tta'], ['--audio', 'normal']])
def test_missing_keys(cfg, saved, options, tmp_path):
    checkpoint = saved(drop_pmqs)
    cfg.work_dir = str(tmp_path / 'test')
    with pytest.raises(RuntimeError,
                       match=r'random\.pth does not fit.*--allow-keys'
                       r'[\s\S]*missing.*decode_head\.pmqs\.'):
        run_tool('test.py', cfg, checkpoint, *options)
    assert not list((tmp_path / 'test').rglob('*.json'))
    run_tool('test.py', cfg, checkpoint, *options, '--allow-keys',
             'decode_head.pmqs.*')
    results, = (tmp_path / 'test').glob('*/*.json')
    assert [*json.loads(results.read_text())][0] in ('J', 'normal/J')


def test_what_the_config_allows_stays_allowed(cfg, saved):
    checkpoint = saved(drop_pmqs)
    for allow_keys in (['decode_head.pmqs.*'], []):
        assert 'J' in strict_test(cfg, checkpoint, *allow_keys)


def test_unexpected_keys_and_other_shapes(cfg, saved):

    def change(state_dict):
        state_dict['extra.weight'] = torch.zeros(1)
        name = 'decode_head.cls_embed.bias'
        state_dict[name] = state_dict[name].new_zeros(9)

    checkpoint = saved(change)
    with pytest.raises(RuntimeError,
                       match=r'size mismatch.*cls_embed.bias[\s\S]*'
                       'unexpected.*extra.weight'):
        strict_test(cfg, checkpoint)
    # a shape is never allowed
    with pytest.raises(RuntimeError, match='cls_embed.bias'):
        strict_test(cfg, checkpoint, '*')


@pytest.fixture
def warnings(monkeypatch):
    """What the comparison logs."""
    lines = []
    monkeypatch.setattr('mmteso.engine.config_comparison.warn', lines.append)
    return lines


def test_average_and_another_threshold(cfg, warnings):
    """A checkpoint of a training with EMAHook; the same shapes."""
    cfg.custom_hooks = [dict(type='EMAHook')]
    cfg.train_cfg.val_interval = 5
    run_training(cfg)
    checkpoint = f'{cfg.work_dir}/iter_1.pth'
    assert read_checkpoint(checkpoint)['meta']['mmteso_version'] == \
        __version__
    strict_test(cfg, checkpoint)
    assert warnings == []
    before = cfg.model.prompt_encoder.dynamic_mask.threshold
    cfg.model.prompt_encoder.dynamic_mask.threshold = 0.25
    strict_test(cfg, checkpoint)
    line, = warnings
    assert line.endswith('model.prompt_encoder.dynamic_mask.threshold: '
                         f'{before!r} in training, 0.25 now')


def test_checkpoint_without_a_config(cfg, saved, warnings):
    strict_test(cfg, saved(lambda _: None))
    line, = warnings
    assert 'is not known' in line


def test_missing_start_says_where_it_comes_from(tmp_path):
    hook = HOOKS.build(
        dict(type='StartCheckpointHook', hint='Train the other one.'))

    def before_run(load_from):
        hook.before_run(SimpleNamespace(cfg=Config(dict(load_from=load_from))))

    path = tmp_path / 'epoch_60.pth'
    with pytest.raises(
            FileNotFoundError,
            match=r"load_from='.*epoch_60.pth'. Train the other one\.$"):
        before_run(str(path))
    path.touch()
    for there in (str(path), None, 'https://example.com/a.pth'):
        before_run(there)
