# Copyright (c) mmteso contributors. All rights reserved.
"""mmseg's Mask2Former's augmentation as docs/recipe.md takes it."""
import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform
from mmengine.config import Config, ConfigDict
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS, TRANSFORMS
from narrow import CONFIGS, load, narrow_bank

from data import make_avsbench

LEAF = '''_base_ = [{base!r}]

train_pipeline = [
    _base_.load_image, _base_.load_masks, *_base_.mask2former_augmentation,
    *_base_.load_sound, *_base_.load_cues, _base_.pack
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
'''
NAMES = ('teso/teso_swin-b_v1m.py', 'teso/teso_swin-b_avss.py')


@pytest.fixture(scope='module')
def avsbench(tmp_path_factory):
    return make_avsbench(
        tmp_path_factory.mktemp('avsbench'), frame_size=(240, 320))


@pytest.fixture(params=NAMES)
def configs(request, tmp_path):
    """A config, and its leaf with the other augmentation."""
    leaf = tmp_path / 'leaf.py'
    leaf.write_text(LEAF.format(base=str(CONFIGS / request.param)))
    return load(request.param), Config.fromfile(leaf)


def dataset(config, root):
    config = config.train_dataloader.dataset
    config.update(data_root=root, cue_bank=narrow_bank(root))
    for step in config.pipeline:
        if step.type == 'LoadTextCues':
            step.cue_target = 'mask'
    init_default_scope('mmseg')
    return DATASETS.build(config)


@TRANSFORMS.register_module()
class PaintMask(BaseTransform):
    """Makes the picture white where the mask is, black elsewhere."""

    def transform(self, results):
        results['img'][:] = 255 * (results['gt_seg_map'] > 0)[..., None]
        return results


def test_picture_and_mask_move_together(configs, avsbench):
    for config in configs:
        config.train_dataloader.dataset.pipeline.insert(
            2, ConfigDict(type='PaintMask'))
    plain, augmented = (dataset(config, avsbench) for config in configs)
    assert len(plain) == len(augmented)
    sizes, objects = set(), 0
    for index in range(5):
        np.random.seed(index)
        before, after = plain[index], augmented[index]
        # sound, text and what the cues are to be told by are as they were
        for key in ('log_mel', 'text_feat', 'text_valid'):
            assert torch.equal(before['inputs'][key], after['inputs'][key])
        assert torch.equal(before['data_samples'].gt_cues.label,
                           after['data_samples'].gt_cues.label)
        image = after['inputs']['img']
        mask = after['data_samples'].gt_sem_seg.data[0]
        assert image.dtype == torch.uint8
        assert image.shape[1:] == mask.shape
        assert max(mask.shape) <= 384
        sizes.add(tuple(mask.shape))
        objects += bool(mask.any())
        # whatever the distortion of colours: but for the smooth edges
        agrees = (image.float().mean(0) > 100) == (mask > 0)
        assert agrees.float().mean() > 0.97
    assert len(sizes) > 1 and objects
