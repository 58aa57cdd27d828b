# Copyright (c) mmteso contributors. All rights reserved.
"""What all peers have in common."""
import json
import os
import sys
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from processes import ROOT, free_port, run

from mmteso.io import read_yaml
from mmteso.testbeds.synthavs import generate_synthavs

PROJECTS = Path(__file__).parent
CONFIGS = sorted(PROJECTS.glob('*/configs/*_r18_synthavs.py'))
PACKAGES = os.pathsep.join(str(path.parents[1]) for path in CONFIGS)


@pytest.mark.parametrize(
    'path', sorted(PROJECTS.glob('*/metafile.yml')),
    ids=lambda path: path.parent.name)
def test_metafile_lists_every_config(path):
    models = read_yaml(str(path))['Models']
    assert {model['Config'] for model in models} == {
        config.relative_to(ROOT).as_posix()
        for config in path.parent.glob('configs/*.py')
    }


@pytest.mark.parametrize('peer, trained', [
    ('avsbench', {'decode_head'}),
    ('avsegformer', {'prompt_encoder', 'decode_head'}),
    ('bavs', {'prompt_encoder', 'decode_head'}),
    ('gavs', {'neck', 'decode_head'}),
    ('auralsam2', {'neck', 'prompt_encoder', 'decode_head'}),
])
def test_cutouts(peer, trained):
    """Data, classes and start are the testbed's; the rest is SynthAVS's."""
    config = Config.fromfile(
        PROJECTS / peer / f'configs/{peer}_efficientnet-lite0_cutouts.py')
    init_default_scope(config.default_scope)
    for name in ('train', 'val', 'test'):
        dataset = config[f'{name}_dataloader'].dataset
        assert dataset.data_root == 'data/cutouts'
    assert 'test_unseen' in dataset.split
    config.model.backbone.init_cfg = None
    model = MODELS.build(config.model)
    assert trained == {
        name.split('.')[0]
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }


@pytest.mark.slow
@pytest.mark.dist
@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_two_processes(path, tmp_path, monkeypatch):
    """Train, validate and test under several sounds; every layer gets its
    gradient."""
    monkeypatch.setenv('PYTHONPATH', PACKAGES)
    generate_synthavs(tmp_path / 'data', videos=8, frames=5, size=32)
    config = Config.fromfile(path)
    config.train_cfg.update(max_iters=3, val_interval=3)  # DDP tells in step 2
    config.default_hooks.checkpoint.interval = 3
    for name in ('train', 'val', 'test'):
        loader = config[f'{name}_dataloader']
        loader.update(num_workers=0, persistent_workers=False)
        loader.dataset.data_root = str(tmp_path / 'data')
    # two clips alone could not lend each other a sound
    config.test_dataloader.dataset.split = ['train', 'val', 'test']
    config.train_dataloader.batch_size = 2
    config.work_dir = str(tmp_path / 'work')
    config.dump(tmp_path / 'config.py')

    def both(tool, *words):
        run(['bash', ROOT / 'tools' / tool, *words], PYTHON=sys.executable,
            PORT=str(free_port()))

    both('dist_train.sh', tmp_path / 'config.py', 2)
    report = tmp_path / 'audio.json'
    both('dist_test.sh', tmp_path / 'config.py', tmp_path / 'work/iter_3.pth',
         2, '--work-dir', tmp_path / 'test', '--audio', 'normal', 'mute',
         'off-screen', '--audio-out', report)
    conditions = json.loads(report.read_text())['conditions']
    assert list(conditions) == ['normal', 'mute', 'off-screen']
    assert all(0 <= scores['J'] <= 100 for scores in conditions.values())
