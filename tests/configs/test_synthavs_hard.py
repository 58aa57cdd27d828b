# Copyright (c) mmteso contributors. All rights reserved.
"""The data config of SynthAVS's hard variant, alone and under a model."""
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.registry import DATASETS
from narrow import CONFIGS, load, narrow_config

from mmteso.models.text_encoders import HashTextEncoder
from mmteso.testbeds.synthavs import generate_synthavs

HARD, EASY = (f'_base_/datasets/{name}.py'
              for name in ('synthavs_hard', 'synthavs'))


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    path = str(tmp_path_factory.mktemp('synthavs') / 'hard')
    generate_synthavs(path, videos=4, frames=1, size=48, variant='hard')
    return path


def test_its_data_and_cues(root):
    config = load(HARD)
    init_default_scope('mmseg')
    dataset = config.test_dataloader.dataset
    dataset.data_root = root
    dataset = DATASETS.build(dataset)
    assert [sample['data_samples'].split for sample in dataset
            ] == ['test', 'test_unseen']
    inputs, sample = dataset[1].values()
    named = sample.text_cues
    composed = HashTextEncoder(128, compose=True, normalize=False)
    torch.testing.assert_close(inputs['text_feat'][:len(named)],
                               composed(list(named)))


def test_trains_and_reports_by_split(root, tmp_path):
    leaf = tmp_path / 'leaf.py'
    bases = ['_base_/models/teso_r18_tiny.py', HARD,
             '_base_/schedules/synthavs_1600it.py',
             '_base_/default_runtime.py']
    leaf.write_text(f'_base_ = {[str(CONFIGS / base) for base in bases]}')
    config = narrow_config(Config.fromfile(leaf), root, tmp_path)
    runner = Runner.from_cfg(config)
    runner.train()
    # picked by J, not by J of one split
    assert len(list(tmp_path.glob('best_J_*.pth'))) == 1
    metrics = runner.test()
    one, other = metrics['J@test'], metrics['J@test_unseen']
    assert metrics['J'] == pytest.approx((one + other) / 2)
    assert 'cues/rec1_F1' in metrics
