# Copyright (c) mmteso contributors. All rights reserved.
"""The configs: trainings and tests on tiny data, and a full build."""
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.registry import MODELS

from mmteso.testbeds.synthavs import generate_synthavs

pytest.importorskip('transformers', reason="needs pip install 'mmteso[text]'")

PROJECT = Path(__file__).parents[1]
CONFIGS = PROJECT / 'configs'
CONDITIONS = ['normal', 'mute', 'wgn-10db', 'wgn-40db', 'off-screen']
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    root = str(tmp_path_factory.mktemp('data') / 'synthavs')
    generate_synthavs(root, videos=8, frames=1, size=32)
    return root


def short(config, root, work_dir):
    """A training of one iteration, then a test under all sounds."""
    for name in LOADERS:
        config[name].update(
            num_workers=0, persistent_workers=False, batch_size=4)
        config[name].dataset.update(
            data_root=root, indices=4, serialize_data=False, subsets='v2',
            metainfo=dict(classes='label2idx.json'))
    # one clip alone could borrow no sound
    config.test_dataloader.dataset.split = ['train', 'val', 'test']
    config.test_cfg = dict(type='AudioControlLoop', conditions=CONDITIONS)
    config.train_cfg.val_interval = 1
    config.default_hooks.checkpoint.interval = 1
    config.update(
        work_dir=str(work_dir),
        log_level='ERROR',
        experiment_name=f'gavs-{Path(config.filename).stem}',
        randomness=dict(seed=0))
    return config


def test_training_and_test(root, tmp_path):
    """A step, validation, a checkpoint that resumes; then all five sounds."""
    config = short(
        Config.fromfile(CONFIGS / 'gavs_r18_synthavs.py'), root, tmp_path)
    config.train_cfg.max_iters = 1
    runner = Runner.from_cfg(config)
    runner.train()
    scores = runner.test()
    for condition in CONDITIONS:
        assert 0 <= scores[f'{condition}/J'] <= 100
    config.update(resume=True, experiment_name='gavs-resumed')
    config.train_cfg.update(max_iters=2, val_interval=2)
    runner = Runner.from_cfg(config)
    runner.train()
    assert runner.iter == 2


def test_sam(root, tmp_path):
    """A narrow SAM on padded frames: prompt and adapters train, no more."""
    config = short(
        Config.fromfile(CONFIGS / 'gavs_sam-vit-b_v1m.py'), root, tmp_path)
    for name in LOADERS:
        dataset = config[name].dataset
        dataset.cue_bank = None
        for step in dataset.pipeline:
            if step.type == 'Resize':
                step.scale = (64, 48)
    config.train_cfg.max_epochs = 1
    model = config.model
    for sizes in (model.data_preprocessor, model.data_preprocessor.test_cfg):
        sizes['size'] = (64, 64)
    model.audio_encoder = dict(type='LogMelStats')
    model.backbone.update(
        img_size=64, num_adapted=1, adapter_ratio=4, init_cfg=None,
        vision_config=dict(
            hidden_size=16, output_channels=16, num_hidden_layers=2,
            num_attention_heads=2, patch_size=16, window_size=3,
            global_attn_indexes=[1]))
    model.decode_head.update(
        init_cfg=None,
        decoder_config=dict(
            hidden_size=16, mlp_dim=16, num_attention_heads=2,
            iou_head_hidden_dim=16))
    runner = Runner.from_cfg(config)
    for name, value in runner.model.named_parameters():
        trains = '.adapter.' in name or name.startswith('decode_head.sap.')
        assert value.requires_grad == trains, name
    before = {
        name: value.clone()
        for name, value in runner.model.state_dict().items()
    }
    runner.train()
    changed = {
        name
        for name, value in runner.model.state_dict().items()
        if not torch.equal(value, before[name])
    }
    assert 'decode_head.sap.noise' in changed
    assert any(name.startswith('backbone.') for name in changed)
    assert all('.adapter.' in name or '.sap.' in name for name in changed)
    scores = runner.test()
    for condition in CONDITIONS:
        assert 0 <= scores[f'{condition}/J'] <= 100


def test_data():
    """Which clips each config trains on, and what few shots start from."""
    zero = Config.fromfile(CONFIGS / 'gavs_sam-vit-b_v3-zero-shot.py')
    for shots in ('zero-shot', '1-shot', '3-shot', '5-shot'):
        config = Config.fromfile(CONFIGS / f'gavs_sam-vit-b_v3-{shots}.py')
        for name in LOADERS:
            data = config[name].dataset
            assert (data.type, data.setting, data.subsets) == (
                'AVSBenchV3Dataset', shots, ['v1m', 'v2'])
        assert config.model == zero.model
        if shots != 'zero-shot':
            assert config.load_from == (
                'work_dirs/gavs_sam-vit-b_v3-zero-shot/epoch_60.pth')
            assert config.train_cfg.max_epochs == 10
    for subset in ('v1m', 'v1s'):
        config = Config.fromfile(CONFIGS / f'gavs_sam-vit-b_{subset}.py')
        for name in LOADERS:
            assert config[name].dataset.subsets == subset


@pytest.mark.slow
@torch.no_grad()
def test_full_size(monkeypatch):
    """SAM ViT-B at 1024 x 1024, in shapes alone."""
    # which the meta device doesn't know
    monkeypatch.setattr(torch, 'autocast', lambda *_, **__: nullcontext())
    config = Config.fromfile(CONFIGS / 'gavs_sam-vit-b_v1m.py')
    init_default_scope(config.default_scope)
    with torch.device('meta'):
        model = MODELS.build(config.model).eval()
        # VGGish's output, which needs no look at its weights
        inputs = dict(
            img=torch.randn(1, 3, 1024, 1024), audio_feat=torch.randn(1, 128))
        assert model(inputs).shape == (1, 1, 256, 256)
    trained = {
        name: value.numel()
        for name, value in model.named_parameters() if value.requires_grad
    }
    # six adapters with 128 channels in the encoder, two in the decoder
    adapters = sum(
        size for name, size in trained.items() if '.adapter.' in name)
    assert adapters == 6 * (2 * 768 * 128 + 896) + 2 * (2 * 256 * 128 + 384)
