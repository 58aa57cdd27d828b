# Copyright (c) mmteso contributors. All rights reserved.
import numpy as np
import pytest
from mmcv.transforms import LoadImageFromFile
from mmseg.datasets.transforms import LoadAnnotations

from data import make_avsbench, make_avsbench_object
from mmteso.datasets import AVSBenchDataset, AVSBenchObjectDataset
from mmteso.datasets.avsbench_meta import AVSBENCH_CLASSES, voc_palette
from mmteso.datasets.transforms import LoadAVSAnnotations

STOCK = [dict(type='LoadAnnotations')]
OURS = [dict(type='LoadAVSAnnotations')]


def build(*args, kind=AVSBenchDataset, **kwargs):
    """Build the data set; serialising calls the slow garbage collector."""
    return kind(*args, serialize_data=False, **kwargs)


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return make_avsbench(
        tmp_path_factory.mktemp('avsbench'), ('v1m', ), ('train', ), clips=2)


@pytest.fixture(scope='module')
def objects(tmp_path_factory):
    folder = tmp_path_factory.mktemp('object')
    make_avsbench_object(folder, 's4', clips=2)
    return make_avsbench_object(folder, 'ms3', mask_mode='L')


# ---------------------------------------------------------- reduce_zero_label
def test_background_is_no_class(root):
    dataset = build(root, task='semantic', reduce_zero_label=True)
    assert dataset.metainfo['classes'] == AVSBENCH_CLASSES[1:]
    assert dataset.metainfo['palette'] == voc_palette(71)[1:]
    assert dataset.metainfo['reduce_zero_label'] is True
    info = dataset[0]
    assert info['reduce_zero_label'] is True
    # what the masks' files mean stays
    assert info['class_names'] == AVSBENCH_CLASSES
    assert info['palette'] == voc_palette(71)


def test_background_is_ignored(root):
    args = dict(task='semantic', mask_source='labels_semantic')
    whole = build(root, pipeline=OURS, **args)
    for pipeline in (OURS, STOCK):
        reduced = build(
            root, pipeline=pipeline, reduce_zero_label=True, **args)
        for one, other in zip(whole, reduced):
            expected = one['gt_seg_map'].astype(int) - 1
            expected[expected < 0] = 255
            assert other['gt_seg_map'].dtype == np.uint8
            np.testing.assert_array_equal(other['gt_seg_map'], expected)
            if pipeline is OURS:
                assert other['frame_classes'] == one['frame_classes']
    # two classes, and a silent frame
    assert {len(frame['frame_classes']) for frame in whole} == {0, 1, 2}


# ---------------------------------------------------- mmseg's LoadAnnotations
@pytest.mark.parametrize('task', ['binary', 'semantic'])
def test_stock_loader_gives_the_task(root, task):
    args = dict(task=task, mask_source='labels_semantic')
    ours = build(root, pipeline=OURS, **args)
    stock = build(root, pipeline=STOCK, **args)
    assert any(frame['gt_seg_map'].any() for frame in ours)
    for one, other in zip(ours, stock):
        np.testing.assert_array_equal(one['gt_seg_map'], other['gt_seg_map'])


@pytest.mark.parametrize('subset', ['s4', 'ms3'])
def test_stock_loader_reads_binary_masks(objects, subset):
    args = dict(kind=AVSBenchObjectDataset, subset=subset)
    ours = build(objects, pipeline=OURS, **args)
    stock = build(objects, pipeline=STOCK, **args)
    for one, other in zip(ours, stock):
        np.testing.assert_array_equal(one['gt_seg_map'], other['gt_seg_map'])


def views(*transforms):
    return [dict(type='TestTimeAug', transforms=[list(transforms)])]


@pytest.mark.parametrize('pipeline', [
    STOCK, views(*STOCK), [LoadImageFromFile(), LoadAnnotations()]])
def test_stock_loader_reads_no_colours(root, pipeline):
    with pytest.raises(ValueError, match="mask_source='labels_semantic'"):
        build(root, task='semantic', pipeline=pipeline)


def test_our_loader_reads_colours(root):
    build(root, task='semantic', pipeline=views(*OURS))
    build(root, task='semantic', pipeline=[LoadAVSAnnotations()])


# ----------------------------------------------------------------- get_cat_ids
@pytest.mark.parametrize('more', [
    dict(task='binary'), dict(task='semantic'),
    dict(task='semantic', reduce_zero_label=True)])
def test_categories_are_those_that_sound(root, more):
    dataset = build(root, lazy_init=True, **more)
    found = [dataset.get_cat_ids(i) for i in range(10)]
    for i, labels in enumerate(found):
        info = dataset.get_data_info(i)
        assert [AVSBENCH_CLASSES[n] for n in labels] == list(info['a_obj'])
    # of the clip, whatever the second: the last one is silent
    assert all(labels == found[0] for labels in found[:5])
    assert found[0] != found[5] and len(found[0]) == 2
    assert type(found[0]) is list and type(found[0][0]) is int


def test_categories_of_avsbench_object(objects):
    dataset = build(objects, kind=AVSBenchObjectDataset)
    names = dataset.get_data_info(0)['class_names']
    assert names == ('background', 'dog_barking', 'playing_piano')
    assert [dataset.get_cat_ids(i) for i in (0, 1)] == [[1], [2]]
    dataset = build(objects, kind=AVSBenchObjectDataset, subset='ms3')
    with pytest.raises(ValueError, match='MS3 .* use v1m'):
        dataset.get_cat_ids(0)
