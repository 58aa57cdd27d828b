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


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    root = str(tmp_path_factory.mktemp('synthavs'))
    generate_synthavs(root, videos=8, frames=2, size=32)
    return root


def on(config, root, work_dir):
    """The config on tiny data, in this process."""
    for loader in (config.train_dataloader, config.val_dataloader,
                   config.test_dataloader):
        loader.update(num_workers=0, persistent_workers=False)
        loader.dataset.data_root = root
    # one clip alone could borrow no sound
    config.test_dataloader.dataset.split = ['train', 'val', 'test']
    config.test_cfg = dict(type='AudioControlLoop', conditions=CONDITIONS)
    config.update(
        work_dir=str(work_dir), log_level='ERROR', randomness=dict(seed=0))
    return config


def test_training_and_test(root, tmp_path):
    """A step, validation, a checkpoint that resumes; then all five sounds."""
    config = on(
        Config.fromfile(CONFIGS / 'auralsam2_r18_synthavs.py'), root,
        tmp_path)
    config.train_dataloader.batch_size = 4
    config.train_cfg.update(max_iters=1, val_interval=1)
    config.default_hooks.checkpoint.interval = 1
    config.experiment_name = 'auralsam2-tiny'
    runner = Runner.from_cfg(config)
    runner.train()
    scores = runner.test()
    for condition in CONDITIONS:
        assert 0 <= scores[f'{condition}/J'] <= 100
    config.update(resume=True, experiment_name='auralsam2-resumed')
    config.train_cfg.update(max_iters=2, val_interval=2)
    runner = Runner.from_cfg(config)
    runner.train()
    assert runner.iter == 2


def test_avsbench_recipe(root, tmp_path, narrow_sam2, sam2_folder):
    """Clips, SAM 2 frozen as its folder has it; resumed; all five sounds."""
    width, hiera, decoder = narrow_sam2
    config = on(
        Config.fromfile(CONFIGS / 'auralsam2_hiera-l_v1s.py'), root,
        tmp_path)
    for loader in (config.train_dataloader, config.val_dataloader,
                   config.test_dataloader):
        loader.dataset.update(
            subsets='v2',
            cue_bank='cue_bank.safetensors',
            metainfo=dict(classes='label2idx.json'))
        for step in loader.dataset.pipeline:
            if step.type == 'Resize':
                step.scale = (64, 64)
    model = config.model
    model.data_preprocessor.size = (64, 64)
    model.audio_encoder = dict(type='LogMelStats')
    model.prompt_encoder.embed_dims = width
    weights = dict(type='Pretrained', checkpoint=sam2_folder)
    model.backbone.update(hiera=hiera, out_channels=width, init_cfg=weights)
    model.decode_head.update(decoder_config=decoder, init_cfg=weights)
    model.decode_head.fuser.update(
        channels=width, depths=(1, 1, 1), audio_depth=1, sr_ratio=1)
    config.train_cfg.max_epochs = 1
    config.experiment_name = 'auralsam2-v1s'
    runner = Runner.from_cfg(config)
    model, clips = runner.model, []
    model.register_forward_pre_hook(
        lambda module, args, kwargs: clips.append(kwargs['data_samples'])
        if kwargs.get('mode') == 'loss' else None,
        with_kwargs=True)
    before = {name: value.clone() for name, value in
              model.decode_head.fuser.state_dict().items()}
    runner.train()
    assert clips
    for clip in clips:  # both frames of one
        assert len(clip) == 2 and len({sample.uid for sample in clip}) == 1
    fresh = MODELS.build(config.model)
    fresh.backbone.init_weights()
    fresh.decode_head.init_weights()
    fuser = 'decode_head.fuser.'
    for name, value in model.state_dict().items():
        if name.startswith(fuser):
            continue
        if not name.startswith('prompt_encoder.'):
            assert torch.equal(value, fresh.state_dict()[name]), name
    assert any(not torch.equal(value, before[name]) for name, value in
               model.decode_head.fuser.state_dict().items())
    scores = runner.test()
    for condition in CONDITIONS:
        assert 0 <= scores[f'{condition}/J'] <= 100
    config.update(resume=True, experiment_name='auralsam2-v1s-resumed')
    config.train_cfg.max_epochs = 2
    runner = Runner.from_cfg(config)
    runner.train()
    assert runner.epoch == 2


@pytest.mark.slow
@pytest.mark.parametrize('size', ['b-plus', 'l'])
def test_full_size(size):
    """Both subsets' models, and a frame of 1024 x 1024."""
    for subset, weight in (('v1s', 1.), ('v1m', .2)):
        config = Config.fromfile(
            CONFIGS / f'auralsam2_hiera-{size}_{subset}.py')
        init_default_scope(config.default_scope)
        assert config.train_dataloader.dataset.subsets == subset
        for part in ('backbone', 'audio_encoder', 'decode_head'):
            config.model[part].init_cfg = None
        model = MODELS.build(config.model)
        assert model.decode_head.loss_contrast.loss_weight == weight
    trained = {
        name.rsplit('.', 1)[0]
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }
    assert all(name.startswith('decode_head.fuser.') for name in trained)
    model.eval()
    inputs = dict(
        img=torch.randn(1, 3, 1024, 1024), log_mel=torch.randn(1, 1, 96, 64))
    with torch.no_grad():
        assert model(inputs).shape == (1, 1, 256, 256)
