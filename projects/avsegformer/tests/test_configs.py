# Copyright (c) mmteso contributors. All rights reserved.
"""The configs: a training and a test on tiny data, and full builds."""
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.registry import MODELS

from mmteso.testbeds.synthavs import generate_synthavs

PROJECT = Path(__file__).parents[1]
CONFIGS = PROJECT / 'configs'
CONDITIONS = ['normal', 'mute', 'wgn-10db', 'wgn-40db', 'off-screen']


def test_training_and_test(tmp_path):
    """A step, validation, a checkpoint that resumes; then all five sounds."""
    root = str(tmp_path / 'synthavs')
    generate_synthavs(root, videos=8, frames=2, size=32)
    config = Config.fromfile(CONFIGS / 'avsegformer_r18_synthavs.py')
    for loader in (config.train_dataloader, config.val_dataloader,
                   config.test_dataloader):
        loader.update(num_workers=0, persistent_workers=False, batch_size=4)
        loader.dataset.data_root = root
    # one clip alone could borrow no sound
    config.test_dataloader.dataset.split = ['train', 'val', 'test']
    config.test_cfg = dict(type='AudioControlLoop', conditions=CONDITIONS)
    config.train_cfg.update(max_iters=1, val_interval=1)
    config.default_hooks.checkpoint.interval = 1
    config.update(
        work_dir=str(tmp_path / 'work'),
        log_level='ERROR',
        experiment_name='avsegformer-tiny',
        randomness=dict(seed=0))
    runner = Runner.from_cfg(config)
    runner.train()
    scores = runner.test()
    for condition in CONDITIONS:
        assert 0 <= scores[f'{condition}/J'] <= 100
    config.update(resume=True, experiment_name='avsegformer-resumed')
    config.train_cfg.update(max_iters=2, val_interval=2)
    runner = Runner.from_cfg(config)
    runner.train()
    assert runner.iter == 2


@pytest.mark.parametrize('backbone', ['pvtv2-b5', 'r50'])
def test_full_configs(backbone):
    """All subsets' models, one layer a stage where that changes no width."""
    for subset, classes in (('v1m', 1), ('v1s', 1), ('avss', 71)):
        config = Config.fromfile(
            CONFIGS / f'avsegformer_{backbone}_{subset}.py')
        init_default_scope(config.default_scope)
        data = config.train_dataloader.dataset
        assert (data.subsets, data.task) == {
            'avss': (['v1s', 'v1m', 'v2'], 'semantic')
        }.get(subset, (subset, 'binary'))
        if subset == 'v1s':  # v1m's model
            continue
        model = config.model
        model.backbone.init_cfg = None
        if 'num_layers' in model.backbone:
            model.backbone.num_layers = [1] * 4
        model.audio_encoder = dict(type='LogMelStats')
        model.decode_head.num_layers = (1, 1, 1)
        model.frozen = []
        model = MODELS.build(model).eval()
        inputs = dict(
            img=torch.randn(1, 3, 64, 64), log_mel=torch.randn(1, 1, 96, 64))
        with torch.no_grad():
            assert model(inputs).shape == (1, classes, 64, 64)
