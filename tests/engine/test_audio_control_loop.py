# Copyright (c) mmteso contributors. All rights reserved.
import json

import pytest
import torch
from both_kinds import random_checkpoint
from mmengine.config import ConfigDict
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS, METRICS, MODELS
from narrow import load, narrow_config

from mmteso.engine import AudioControlLoop, evaluate_audio_conditions
from mmteso.models import AudioTextSegmentor
from mmteso.testbeds.synthavs import generate_synthavs

CONDITIONS = ['normal', 'mute', 'wgn-10db', 'wgn-40db', 'off-screen']


@METRICS.register_module()
class ConditionDigest(BaseMetric):
    """What was predicted for each frame, and under which condition."""

    default_prefix = 'digest'

    def process(self, data_batch, data_samples):
        for sample in data_samples:
            score = sample['sounding_score']['data'].double()
            self.results.append(
                (sample['sample_idx'], sample['audio_condition'],
                 score.mean().item(), score.std().item()))

    def compute_metrics(self, results):
        return {f'{index}/{condition}': mean + std
                for index, condition, mean, std in sorted(results)}


@HOOKS.register_module()
class CountingHook(Hook):
    """Remembers which hooks were called, and with what."""

    def __init__(self):
        self.calls, self.outputs, self.metrics = [], [], None

    def before_test(self, runner):
        self.calls.append('before_test')

    def after_test_iter(self, runner, batch_idx, data_batch=None,
                        outputs=None):
        self.calls.append(f'after_{batch_idx}')
        self.outputs.append(outputs)

    def after_test_epoch(self, runner, metrics=None):
        self.metrics = metrics


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    path = tmp_path_factory.mktemp('data') / 'synthavs'
    generate_synthavs(path, videos=39, frames=2, size=32)
    return path


@pytest.fixture
def cfg(root, tmp_path):
    """A narrow test of three frames, two at a time, by the loop."""
    cfg = narrow_config(
        load('teso/teso-cue_r18_synthavs.py'), root, tmp_path, frames=3)
    for key in ('train_dataloader', 'train_cfg', 'optim_wrapper',
                'param_scheduler', 'val_dataloader', 'val_cfg',
                'val_evaluator'):
        cfg.pop(key)
    cfg.default_hooks.checkpoint = None
    cfg.test_evaluator = [ConfigDict(type='AVSMetric', threshold=0.48),
                          ConfigDict(type='ConditionDigest')]
    cfg.test_cfg = dict(type='AudioControlLoop')
    cfg.custom_hooks = [dict(type='CountingHook')]
    return cfg


def set_weights(runner):
    """The same for every runner; scores around one half."""
    torch.manual_seed(7)
    for parameter in runner.model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.xavier_normal_(parameter)
    weight = runner.model.decode_head.cls_embed.weight
    torch.nn.init.normal_(weight)
    with torch.no_grad():
        weight[1] = weight[0] + 0.1 * torch.randn_like(weight[0])


def run(cfg, **test_cfg):
    cfg.test_cfg.update(test_cfg)
    cfg.experiment_name += '-'.join(map(str, test_cfg.get('conditions', [])))
    runner = Runner.from_cfg(cfg)
    set_weights(runner)
    return runner, runner.test()


def digests(metrics, condition):
    return {key: value for key, value in metrics.items()
            if key.endswith(f'/{condition}')}


def test_one_pass_equals_separate_passes(cfg, monkeypatch):
    """By a config and mmengine's runner; a frame is looked at once."""
    looks = []
    extract = AudioTextSegmentor.extract_feat

    def spy(self, images):
        looks.append(len(images))
        return extract(self, images)

    monkeypatch.setattr(AudioTextSegmentor, 'extract_feat', spy)
    runner, flat = run(cfg, conditions=CONDITIONS)
    assert isinstance(runner.test_loop, AudioControlLoop)
    assert looks == [2, 1]
    together = runner.test_loop.report['conditions']
    assert list(together) == CONDITIONS
    for name in CONDITIONS:
        runner, alone = run(cfg, conditions=[name])
        # the condition of every frame is in the names of the digests
        assert len(digests(alone, name)) == 3
        alone = runner.test_loop.report['conditions'][name]
        assert alone.keys() == together[name].keys()
        for key, value in alone.items():
            assert together[name][key] == pytest.approx(
                value, abs=0, nan_ok=True), (name, key)
            if value == value:
                assert flat[f'{name}/{key}'] == value
    # they do differ; noise 40 dB below the sound is next to silence
    scores = {tuple(digests(flat, name).values()) for name in CONDITIONS
              if name != 'wgn-40db'}
    assert len(scores) == len(CONDITIONS) - 1


def test_hooks_are_called_once_per_batch(cfg, tmp_path):
    """And the table is in the log, above the metrics' own words."""
    cfg.log_level = 'INFO'
    runner, flat = run(cfg, conditions=['mute', 'normal'])
    hook, = [h for h in runner.hooks if isinstance(h, CountingHook)]
    assert hook.calls == ['before_test', 'after_0', 'after_1']
    # the first condition's predictions
    assert [[sample.audio_condition for sample in samples]
            for samples in hook.outputs] == [['mute', 'mute'], ['mute']]
    assert hook.metrics is flat and 'listening_score' in flat
    assert flat['drop_percent/mute/F'] == pytest.approx(
        100 * (1 - flat['mute/F'] / flat['normal/F']))
    text = ''.join(path.read_text() for path in tmp_path.rglob('*.log'))
    words = runner.test_loop.report['metrics'][0]
    assert 'J at score > 0.48' in words and '32 x 32' in words
    assert f'\n{words}\n' in text[text.index('| mute '):]


@MODELS.register_module()
class OneSoundSegmentor(AudioTextSegmentor):
    """Knows nothing of several sounds."""

    test_sounds_step = property()


def test_model_that_takes_one_sound_at_a_time(cfg):
    _, expected = run(cfg, conditions=CONDITIONS)
    cfg.model.type = 'OneSoundSegmentor'
    runner, flat = run(cfg, conditions=CONDITIONS)
    assert not hasattr(runner.model, 'test_sounds_step')
    assert flat.keys() == expected.keys()
    for key, value in flat.items():
        assert value == pytest.approx(expected[key], abs=0, nan_ok=True)


@pytest.fixture
def checkpoint(cfg):
    return random_checkpoint(cfg)


def test_each_condition_reaches_the_model(cfg, checkpoint, monkeypatch):
    """Seen where the sound enters; 'normal' is a plain test's."""
    encoded = []
    encoder = MODELS.get('LogMelStats')
    forward = encoder.forward

    def listen(self, log_mel):
        encoded.append(log_mel.clone())
        return forward(self, log_mel)

    monkeypatch.setattr(encoder, 'forward', listen)
    conditions = ['normal', 'mute', 'wgn-10db', 'wgn-40db']
    before = cfg.pretty_text
    report = evaluate_audio_conditions(
        cfg, checkpoint, conditions, reference='pcm16', seed=4)
    assert cfg.pretty_text == before
    normal, mute, soft, loud = encoded[:4]
    silence = torch.tensor(0.01).log()
    torch.testing.assert_close(mute, silence.expand_as(mute))
    # over one 16-bit step: 40 dB is the louder one
    assert mute.mean() < soft.mean() < loud.mean()
    assert not torch.equal(normal, loud)
    assert list(report['conditions']) == conditions
    assert report['reference'] == 'pcm16' and report['seed'] == 4
    assert report['checkpoint'] == checkpoint
    json.dumps(report)

    cfg.test_cfg, cfg.load_from = dict(), checkpoint
    cfg.experiment_name += '-plain'
    plain = Runner.from_cfg(cfg).test()
    for key, value in plain.items():
        assert value == pytest.approx(
            report['conditions']['normal'][key], abs=0, nan_ok=True)


def test_what_the_configs_own_loop_says_stays(cfg, checkpoint):
    cfg.test_cfg.update(conditions=['normal'], reference='pcm16', seed=7)
    report = evaluate_audio_conditions(cfg, checkpoint, ['mute'])
    assert list(report['conditions']) == ['mute']
    assert (report['reference'], report['seed']) == ('pcm16', 7)
    cfg.experiment_name += '-given'
    report = evaluate_audio_conditions(
        cfg, checkpoint, ['mute'], reference='full_scale', seed=0)
    assert (report['reference'], report['seed']) == ('full_scale', 0)


@pytest.mark.parametrize('change, conditions, message', [
    (dict(), ['mute', 'mute'], 'expected different audio'),
    (dict(), [], 'expected different audio'),
    # before anything is built
    (dict(model=dict(type='NoSuchModel')), ['wgn'], 'unknown audio condition'),
    (dict(test_cfg=dict(type='SomeLoop')), ['normal'], 'tests by SomeLoop'),
])
def test_what_is_refused(cfg, change, conditions, message):
    cfg.update(change)
    with pytest.raises(ValueError, match=message):
        evaluate_audio_conditions(cfg, None, conditions)
