# Copyright (c) mmteso contributors. All rights reserved.
from functools import partial

import numpy as np
import pytest
from mmseg.registry import TRANSFORMS
from PIL import Image

from data import make_avsbench
from mmteso.datasets import AVSBenchDataset
from mmteso.datasets.avsbench_meta import AVSBENCH_CLASSES, voc_palette
from mmteso.datasets.transforms import LoadAVSAnnotations

PALETTE = voc_palette(71)
# serialising calls the slow garbage collector
build = partial(AVSBenchDataset, serialize_data=False)


@pytest.fixture(scope='module')
def visible_root(tmp_path_factory):
    return make_avsbench(tmp_path_factory.mktemp('visible'), ('v1m', ),
                         ('test', ), visible=True)


def sample(path, label_format, task='semantic', **more):
    return dict(seg_map_path=str(path), label_format=label_format, task=task,
                class_names=AVSBENCH_CLASSES, palette=PALETTE, seg_fields=[],
                uid='clip_0_5000', frame=3, subset='v1m', **more)


def write_pair(folder, labels):
    """Write labels as colours and as indices, as the release has them."""
    palette = np.array(voc_palette(256), np.uint8)
    Image.fromarray(palette[labels]).save(folder / 'rgb.png')
    Image.fromarray(labels).save(folder / 'index.png')
    return folder / 'rgb.png', folder / 'index.png'


@pytest.mark.parametrize('task, reduced', [
    ('semantic', False), ('semantic', True), ('binary', False)])
def test_colours_and_indices_agree(tmp_path, task, reduced):
    """Each colour is its index; what is to be ignored stays 255."""
    labels = np.random.default_rng(1).integers(0, 71, (30, 20), np.uint8)
    labels[:3], labels[5] = 255, 0
    expected = labels
    if task == 'binary':
        expected = np.where(labels == 255, 255, labels > 0)
    elif reduced:
        expected = np.where(labels == 255, 255, labels - 1)
    load = TRANSFORMS.build(dict(type='LoadAVSAnnotations', load_classes=True))
    for path, form in zip(write_pair(tmp_path, labels), ('rgb', 'index')):
        results = load(sample(path, form, task, reduce_zero_label=reduced))
        assert results['gt_seg_map'].dtype == np.uint8
        np.testing.assert_array_equal(results['gt_seg_map'], expected)
        np.testing.assert_array_equal(results['gt_class_map'], labels)
        assert results['seg_fields'] == ['gt_seg_map', 'gt_class_map']
        assert results['frame_classes'] == tuple(
            AVSBENCH_CLASSES[i] for i in range(1, 71) if (labels == i).any())
        assert results['unknown_pixels'] == 0


def test_masks_without_classes(tmp_path):
    path = tmp_path / 'mask.png'
    Image.new('L', (4, 4)).save(path)
    with pytest.raises(ValueError, match='black and white.*AVSBench-semantic'):
        LoadAVSAnnotations(load_classes=True)(sample(path, 'binary', 'binary'))


@pytest.mark.parametrize('task', ['binary', 'semantic'])
def test_visible(visible_root, task):
    """Beside what sounds, or in its place."""
    beside, instead = (build(visible_root, split='test', task=task,
                             pipeline=[LoadAVSAnnotations(**how)])[1]
                       for how in (dict(load_visible=True),
                                   dict(source='visible')))
    # only the first of two objects sounds
    sounding, visible = beside['gt_seg_map'], beside['gt_visible_map']
    assert beside['seg_fields'] == ['gt_seg_map', 'gt_visible_map']
    assert 0 < np.count_nonzero(sounding) < np.count_nonzero(visible)
    np.testing.assert_array_equal(sounding[sounding > 0],
                                  visible[sounding > 0])
    names = {1} if task == 'binary' else {AVSBENCH_CLASSES.index(name)
                                          for name in beside['a_obj']}
    assert set(np.unique(visible)) - {0} == names
    assert len(beside['frame_classes']) == 1
    np.testing.assert_array_equal(instead['gt_seg_map'], visible)
    assert set(instead['frame_classes']) == set(instead['a_obj'])


def test_picture_and_maps_move_together(visible_root):
    """Through mmseg's transforms; frame 0 shows nothing that is silent."""
    steps = [dict(type='LoadImageFromFile'),
             dict(type='LoadAVSAnnotations', load_visible=True,
                  load_classes=True),
             dict(type='RandomResize', scale=(64, 48), ratio_range=(0.5, 2.0),
                  keep_ratio=True),
             dict(type='RandomCrop', crop_size=(16, 20), cat_max_ratio=0.75),
             dict(type='RandomFlip', prob=1.0)]
    results = build(visible_root, split='test', pipeline=steps)[0]
    size = results['img'].shape[:2]
    shown, visible, classes = (
        results[f'gt_{key}_map'] for key in ('seg', 'visible', 'class'))
    assert shown.shape == size and shown.any()
    np.testing.assert_array_equal(shown, visible)
    np.testing.assert_array_equal(shown[classes < 255] > 0,
                                  classes[classes < 255] > 0)
    # loaded after Resize, as in mmseg's tests, it keeps the frame's own size
    late = [steps[0], dict(type='Resize', scale=(64, 64)),
            dict(type='LoadAVSAnnotations')]
    dataset = build(visible_root, split='test', pipeline=late)
    assert dataset[0]['img'].shape == (64, 64, 3)
    assert dataset[0]['gt_seg_map'].shape == (24, 32)


def test_samples_of_mmsegs_inferencers():
    """mmseg drops its own LoadAnnotations, by name; ours stays."""
    with pytest.raises(KeyError, match="label_format.*can't pass sound"):
        LoadAVSAnnotations()(dict(img_path='a.png', img=np.zeros((4, 4, 3))))


def test_frames_without_a_mask(tmp_path):
    """An error, or nothing but ignored pixels."""
    path, _ = write_pair(tmp_path, np.ones((4, 6), np.uint8))
    frame = dict(sample(path, 'rgb', ori_shape=(4, 6)), seg_map_path=None)
    with pytest.raises(FileNotFoundError, match='clip_0_5000, frame 3'):
        LoadAVSAnnotations()(frame)
    loaded = LoadAVSAnnotations(no_mask='ignore')(frame)
    assert loaded['gt_seg_map'].shape == (4, 6)
    assert (loaded['gt_seg_map'] == 255).all()
    assert loaded['frame_classes'] is None
