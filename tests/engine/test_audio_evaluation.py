# Copyright (c) mmteso contributors. All rights reserved.
import json

import pytest
import torch
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmseg.registry import MODELS
from narrow import load, narrow_config

from mmteso.engine import evaluate_audio_conditions, format_audio_report
from mmteso.testbeds.synthavs import generate_synthavs


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    path = tmp_path_factory.mktemp('data') / 'synthavs'
    generate_synthavs(path, videos=6, frames=2, size=32)
    return path


@pytest.fixture
def cfg(root, tmp_path, monkeypatch):
    # yapf lays a config out in 3 s
    for where in ('yapf.yapflib.yapf_api.FormatCode',
                  'mmengine.config.config.FormatCode'):
        monkeypatch.setattr(
            where, lambda text, **_: (text, True), raising=False)
    return narrow_config(load('teso/teso_r18_synthavs.py'), root, tmp_path)


@pytest.fixture
def checkpoint(cfg, tmp_path):
    with DefaultScope.overwrite_default_scope('mmseg'):
        model = MODELS.build(cfg.model)
    path = tmp_path / 'model.pth'
    torch.save(dict(state_dict=model.state_dict()), path)
    return str(path)


def test_each_condition_reaches_the_model(cfg, checkpoint, monkeypatch):
    """Seen where the sound enters; the model is loaded once."""
    heard, loads = [], []
    encoder = MODELS.get('LogMelStats')
    forward = encoder.forward

    def listen(self, log_mel):
        heard.append(log_mel.clone())
        return forward(self, log_mel)

    monkeypatch.setattr(encoder, 'forward', listen)
    load_checkpoint = Runner.load_checkpoint

    def count(self, *args, **kwargs):
        loads.append(args)
        return load_checkpoint(self, *args, **kwargs)

    monkeypatch.setattr(Runner, 'load_checkpoint', count)
    conditions = ['normal', 'mute', 'wgn-10db', 'wgn-40db']
    before = cfg.pretty_text
    report = evaluate_audio_conditions(
        cfg, checkpoint, conditions, reference='pcm16', seed=4)
    assert cfg.pretty_text == before
    assert len(loads) == 1 and loads[0][0] == checkpoint
    # two frames, one batch, per condition
    normal, mute, soft, loud = heard
    silence = torch.tensor(0.01).log()
    torch.testing.assert_close(mute, silence.expand_as(mute))
    # over one 16-bit step: 40 dB is the louder one
    assert mute.mean() < soft.mean() < loud.mean()
    assert not torch.equal(normal, loud)

    assert list(report['conditions']) == conditions
    for name in conditions:
        assert 0 <= report['conditions'][name]['J'] <= 100
    assert set(report['drop_percent']) == set(conditions) - {'normal'}
    for name, drop in report['drop_percent'].items():
        # F, because J of random weights may be 0
        full = report['conditions']['normal']['F']
        assert drop['F'] == pytest.approx(
            100 * (1 - report['conditions'][name]['F'] / full))
        assert 'J' in drop and 'foreground' not in drop
    assert report['reference'] == 'pcm16' and report['seed'] == 4
    assert report['checkpoint'] == checkpoint
    json.dumps(report)

    text = format_audio_report(report)
    for name in conditions:
        assert f'| {name} ' in text
    assert 'score > 0.5' in text and 'per frame' in text
    assert "reference 'pcm16', seed 4" in text


def test_equals_a_plain_test(cfg, checkpoint):
    """'normal' is what the stock runner gives."""
    report = evaluate_audio_conditions(cfg, checkpoint, ['normal'])
    assert report['drop_percent'] == {}
    assert 'drop' not in format_audio_report(report).splitlines()[1]
    cfg.load_from = checkpoint
    cfg.experiment_name += '-plain'
    expected = Runner.from_cfg(cfg).test()
    for key, value in report['conditions']['normal'].items():
        assert value == pytest.approx(expected[key], abs=0, nan_ok=True)


def test_what_the_configs_own_loop_says_stays(cfg, checkpoint):
    cfg.test_cfg = dict(
        type='AudioControlLoop', conditions=['normal'], reference='pcm16',
        seed=7)
    report = evaluate_audio_conditions(cfg, checkpoint, ['mute'])
    assert list(report['conditions']) == ['mute']
    assert (report['reference'], report['seed']) == ('pcm16', 7)
    cfg.experiment_name += '-given'
    report = evaluate_audio_conditions(
        cfg, checkpoint, ['mute'], reference='full_scale', seed=0)
    assert (report['reference'], report['seed']) == ('full_scale', 0)


@pytest.mark.parametrize('conditions', [[], ['mute', 'mute']])
def test_conditions_are_different_and_some(cfg, conditions):
    with pytest.raises(ValueError, match='expected different audio'):
        evaluate_audio_conditions(cfg, None, conditions)


def test_wrong_name_is_found_before_building(cfg):
    cfg.model = dict(type='NoSuchModel')
    with pytest.raises(ValueError, match='unknown audio condition'):
        evaluate_audio_conditions(cfg, None, ['normal', 'wgn'])


def test_a_loop_that_would_be_left_out(cfg):
    cfg.test_cfg = dict(type='SomeLoop')
    with pytest.raises(ValueError, match='tests by SomeLoop'):
        evaluate_audio_conditions(cfg, None, ['normal'])
