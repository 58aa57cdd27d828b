# Copyright (c) mmteso contributors. All rights reserved.
import numpy as np
import pytest
import torch
from mmseg.datasets import PackSegInputs
from mmseg.registry import TRANSFORMS
from mmseg.structures import SegDataSample

from mmteso.datasets.transforms import PackAVTInputs


@pytest.fixture
def results():
    rng = np.random.default_rng(0)
    return dict(img=rng.integers(0, 256, (6, 8, 3), np.uint8),
                gt_seg_map=rng.integers(0, 2, (6, 8), np.uint8),
                gt_visible_map=np.ones((6, 8), np.uint8),
                gt_class_map=np.full((6, 8), 41, np.uint8),
                log_mel=torch.randn(1, 96, 64), text_feat=torch.randn(4, 16),
                text_valid=torch.tensor([True, True, False, False]),
                cue_target=torch.tensor([1., 0., -1., -1.]), img_path='0.jpg',
                seg_map_path='0.png', ori_shape=(6, 8), img_shape=(6, 8),
                flip=False, reduce_zero_label=False, uid='clip', frame=2,
                num_frames=5, subset='v1m', split='test',
                text_cues=['dog', 'cat'], a_obj=('dog', ),
                frame_classes=('dog', ), audio_condition='mute', sample_idx=7)


def test_packs_everything(results):
    packed = TRANSFORMS.build(dict(type='PackAVTInputs'))(results)
    assert set(packed) == {'inputs', 'data_samples'}
    inputs, sample = packed['inputs'], packed['data_samples']
    assert set(inputs) == {'img', 'log_mel', 'text_feat', 'text_valid'}
    assert inputs['img'].dtype == torch.uint8
    assert inputs['img'].is_contiguous()
    for key in ('log_mel', 'text_feat', 'text_valid'):
        assert inputs[key] is results[key]
    assert isinstance(sample, SegDataSample)
    for field, key in (('gt_sem_seg', 'gt_seg_map'),
                       ('gt_visible', 'gt_visible_map'), ('gt_classes',
                                                          'gt_class_map')):
        data = sample.get(field).data
        assert data.shape == (1, 6, 8) and data.dtype == torch.int64
        np.testing.assert_array_equal(data[0], results[key])
    assert torch.equal(sample.gt_cues.label, results['cue_target'])
    for key in ('uid', 'frame', 'num_frames', 'subset', 'split', 'text_cues',
                'a_obj', 'frame_classes', 'audio_condition', 'sample_idx',
                'img_path', 'ori_shape', 'flip'):
        assert sample.metainfo[key] == results[key]


def test_as_mmseg_packs(results):
    """Image, mask and mmseg's metainfo are what PackSegInputs gives."""
    ours, theirs = PackAVTInputs()(results), PackSegInputs()(results)
    assert torch.equal(ours['inputs']['img'], theirs['inputs'])
    assert torch.equal(ours['data_samples'].gt_sem_seg.data,
                       theirs['data_samples'].gt_sem_seg.data)
    for key, value in theirs['data_samples'].metainfo.items():
        assert ours['data_samples'].metainfo[key] == value


def test_packs_only_what_is_there(results):
    feature = np.ones(128, np.float32)
    packed = PackAVTInputs()(
        dict(img=results['img'][:, ::-1], audio_feat=feature, uid='a'))
    assert set(packed['inputs']) == {'img', 'audio_feat'}
    np.testing.assert_array_equal(packed['inputs']['img'].permute(1, 2, 0),
                                  results['img'][:, ::-1])
    assert torch.equal(packed['inputs']['audio_feat'], torch.ones(128))
    sample = packed['data_samples']
    assert 'gt_sem_seg' not in sample and 'gt_cues' not in sample
    # untouched sound is normal sound
    assert sample.metainfo == dict(uid='a', audio_condition='normal')
    assert PackAVTInputs()({})['inputs'] == {}
