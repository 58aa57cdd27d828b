# Copyright (c) mmteso contributors. All rights reserved.
"""mmseg's Mask2Former's augmentation as docs/recipe.md takes it."""
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS
from narrow import CONFIGS, load, narrow_bank

LEAF = '''_base_ = [{base!r}]

train_pipeline = [
    _base_.load_image, _base_.load_masks, *_base_.mask2former_augmentation,
    *_base_.load_sound, *_base_.load_cues, _base_.pack
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
'''


@pytest.mark.parametrize('name', ['swin-b_v1m', 'swin-b_avss'])
def test_only_the_picture_is_augmented(name, v1m, tmp_path):
    path = f'teso/teso_{name}.py'
    (tmp_path / 'leaf.py').write_text(LEAF.format(base=str(CONFIGS / path)))
    init_default_scope('mmseg')
    sets = []
    for config in (load(path), Config.fromfile(tmp_path / 'leaf.py')):
        dataset = config.train_dataloader.dataset
        dataset.update(data_root=v1m, subsets='v1m', cue_bank=narrow_bank(v1m))
        sets.append(DATASETS.build(dataset))
    np.random.seed(1)
    sizes = set()
    for plain, other in zip(*sets):
        for key in ('log_mel', 'text_feat', 'text_valid'):
            assert torch.equal(plain['inputs'][key], other['inputs'][key])
        size = other['inputs']['img'].shape[1:]
        assert other['data_samples'].gt_sem_seg.shape == size
        assert max(size) <= 384
        sizes.add(size)
    assert len(sizes) > 1
