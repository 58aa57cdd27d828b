# Copyright (c) mmteso contributors. All rights reserved.
import numpy as np
import pytest
from mmcv.transforms import LoadImageFromFile
from mmseg.datasets.transforms import LoadAnnotations

from data import make_avsbench, make_avsbench_object
from mmteso.datasets import AVSBenchDataset, AVSBenchObjectDataset
from mmteso.datasets.avsbench_meta import AVSBENCH_CLASSES, voc_palette

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


@pytest.mark.parametrize('task, reduced', [
    ('binary', False), ('semantic', False), ('semantic', True)])
def test_masks_of_the_task(root, task, reduced):
    """Ours and mmseg's LoadAnnotations agree; background may be no class."""
    args = dict(task=task, mask_source='labels_semantic')
    ours, stock = (build(root, pipeline=pipeline, reduce_zero_label=reduced,
                         **args) for pipeline in (OURS, STOCK))
    assert ours.metainfo['reduce_zero_label'] is reduced
    if reduced:
        assert ours.metainfo['classes'] == AVSBENCH_CLASSES[1:]
        assert ours.metainfo['palette'] == voc_palette(71)[1:]
    # what the masks' files mean stays
    assert ours.get_data_info(0)['class_names'] == AVSBENCH_CLASSES
    for one, other in zip(ours, stock):
        np.testing.assert_array_equal(one['gt_seg_map'], other['gt_seg_map'])
    # two classes, and a silent frame
    assert {len(frame['frame_classes']) for frame in ours} == {0, 1, 2}


@pytest.mark.parametrize('subset', ['s4', 'ms3'])
def test_masks_of_avsbench_object(objects, subset):
    args = dict(kind=AVSBenchObjectDataset, subset=subset)
    ours, stock = (build(objects, pipeline=pipeline, **args)
                   for pipeline in (OURS, STOCK))
    for one, other in zip(ours, stock):
        np.testing.assert_array_equal(one['gt_seg_map'], other['gt_seg_map'])


def views(*transforms):
    return [dict(type='TestTimeAug', transforms=[list(transforms)])]


@pytest.mark.parametrize('pipeline', [
    STOCK, views(*STOCK), [LoadImageFromFile(), LoadAnnotations()]])
def test_stock_loader_reads_no_colours(root, pipeline):
    with pytest.raises(ValueError, match="mask_source='labels_semantic'"):
        build(root, task='semantic', pipeline=pipeline)
    build(root, task='semantic', pipeline=views(*OURS))


def test_categories_of_avsbench_object(objects):
    dataset = build(objects, kind=AVSBenchObjectDataset)
    names = dataset.get_data_info(0)['class_names']
    assert names == ('background', 'dog_barking', 'playing_piano')
    assert [dataset.get_cat_ids(i) for i in (0, 1)] == [[1], [2]]
    dataset = build(objects, kind=AVSBenchObjectDataset, subset='ms3')
    with pytest.raises(ValueError, match='MS3 .* use v1m'):
        dataset.get_cat_ids(0)
