# Copyright (c) mmteso contributors. All rights reserved.
"""The configs of other heads and backbones, from data to metrics."""
import sys

import pytest
import torch
from backbones import BACKBONES, SIZE
from combinations import swap_backbone
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.registry import MODELS
from narrow import (CONFIGS, TEXT_DIMS, load, narrow_config,
                    shapes_without_memory)
from processes import ROOT, free_port, run

from data import make_avsbench
from mmteso.testbeds.synthavs import generate_synthavs

NAMES = sorted(path.stem for path in (CONFIGS / 'combinations').glob('*.py'))
FULL_SIZE = [name for name in NAMES if not name.split('_')[-1].startswith(
    'synthavs')]
QUICK = ('fusion-segformer_mit_synthavs', 'upernet_swin_synthavs',
         'fusion-segformer_mit-b2_v1m', 'fusion-upernet_swin-t_avss')
TINY = dict(SwinTransformer='swin', ResNetV1c='resnet',
            MixVisionTransformer='mit', VisionTransformer='vit')


@pytest.fixture(scope='module')
def synthavs(tmp_path_factory):
    root = tmp_path_factory.mktemp('combinations') / 'synthavs'
    generate_synthavs(str(root), videos=13, frames=2)  # of 96 pixels, as is
    return root


@pytest.fixture(scope='module')
def avsbench(tmp_path_factory):
    return make_avsbench(tmp_path_factory.mktemp('avsbench'), clips=1)


def narrow(model):
    """A tiny backbone in the place of a full-size one; no VGGish."""
    if model.prompt_encoder:
        model.prompt_encoder.text_dims = TEXT_DIMS
        model.audio_encoder = ConfigDict(type='LogMelStats')
    if model.data_preprocessor.get('size'):
        model.data_preprocessor.size = (SIZE, SIZE)
        swap_backbone(model, BACKBONES[TINY[model.backbone.type]])
        if model.decode_head.type == 'SegmenterMaskTransformerHead':
            model.decode_head.num_heads = 4
            model.fusion.levels = [3]


def narrow_combination(name, synthavs, avsbench, work_dir):
    config = load(f'combinations/{name}.py')
    root = avsbench if name in FULL_SIZE else synthavs
    config.model.frozen = []  # LogMelStats has nothing to freeze
    if name.startswith('teso_'):
        return narrow_config(config, root, work_dir, narrow=lambda model: (
            model.prompt_encoder.update(text_dims=TEXT_DIMS)))
    return narrow_config(config, root, work_dir, narrow=narrow)


@pytest.mark.parametrize(
    'name', [pytest.param(name, marks=() if name in QUICK
                          else pytest.mark.slow) for name in NAMES])
def test_trains_and_tests(name, synthavs, avsbench, tmp_path):
    """With its own data, schedule, hooks and metrics; the best is kept."""
    config = narrow_combination(name, synthavs, avsbench, tmp_path)
    runner = Runner.from_cfg(config)
    runner.train()
    metrics = runner.test()
    best, = tmp_path.glob('best_*.pth')
    score = 'avss/mIoU' if name.endswith('avss') else 'J'
    assert best.name.startswith('best_' + score.replace('/', '_'))
    assert score in metrics
    # a model without sound keeps and drops no cues
    kept = 'cues/sounding_kept' in metrics
    assert kept == (name.endswith(('synthavs', '800it'))
                    and name != 'upernet_swin_synthavs')


@pytest.mark.parametrize('name', FULL_SIZE)
def test_at_full_size(name):
    """Shapes without memory: the fusion expects what the backbone gives."""
    config = load(f'combinations/{name}.py')
    init_default_scope('mmseg')
    with shapes_without_memory():
        model = MODELS.build(config.model).eval()
        features = model.extract_feat(torch.zeros(1, 3, 384, 384))
        assert model.fusion.in_channels == tuple(
            level.shape[1] for level in features)
        if 'maskformer' in name:  # its forward wants data samples
            logits, _ = model.decode_head.pixel_decoder(features, None)
        else:
            logits = model.decode_head(features)
    while isinstance(logits, (list, tuple)):
        logits = logits[-1]
    assert len(logits) == 1
    assert config.model.backbone.init_cfg.type == 'Pretrained'
    assert config.model.frozen == ['audio_encoder']
    # one frame in the last batch would stop batch normalisation
    assert config.train_dataloader.drop_last
    assert config.sync_bn == 'torch'
    # everything but the audio encoder trains
    assert {name.split('.')[0] for name, p in model.named_parameters()
            if not p.requires_grad} == {'audio_encoder'}


@pytest.mark.slow
@pytest.mark.dist
def test_two_processes(synthavs, avsbench, tmp_path):
    """Every layer gets its gradient; no SyncBN without GPUs."""
    config = narrow_combination('fusion-upernet_swin_synthavs', synthavs,
                                avsbench, tmp_path)
    assert config.sync_bn == 'torch'
    config.train_cfg.max_iters = 3  # DDP tells in the second step
    config.train_dataloader.dataset.indices = 8
    config.work_dir = str(tmp_path / 'work')
    config.pop('experiment_name')
    config.log_level = 'INFO'
    path = tmp_path / 'two.py'
    config.dump(path)
    output = run(['bash', ROOT / 'tools' / 'dist_train.sh', path, 2],
                 PYTHON=sys.executable, PORT=str(free_port()))
    assert 'BatchNorm is not synchronised' in output.stdout + output.stderr
    assert list((tmp_path / 'work').glob('best_J_*.pth'))
