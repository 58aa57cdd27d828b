# Copyright (c) mmteso contributors. All rights reserved.
import shutil
from pathlib import Path

import pandas as pd
import pytest
from mmseg.registry import DATASETS

from data import make_avsbench, make_v3_lists
from mmteso.datasets import AVSBenchV3Dataset
from mmteso.datasets.avsbench_meta import AVSBENCH_CLASSES
from mmteso.datasets.avsbench_v3 import V3_LISTS


def build(*args, **kwargs):
    return AVSBenchV3Dataset(
        *args, serialize_data=False, frames_per_clip=2, **kwargs)


def uids(dataset):
    return {dataset.get_data_info(index)['uid']
            for index in range(len(dataset))}


@pytest.fixture(scope='module')
def clean_root(tmp_path_factory):
    root = make_avsbench(
        tmp_path_factory.mktemp('avsbench'), ('v1m', 'v2'), clips=4, frames=2)
    make_v3_lists(root)
    return root


def test_lists_of_each_setting(clean_root):
    """Which file is read for what, as GAVS's README says."""
    sets = {(setting, split): uids(build(clean_root, setting, split))
            for setting, lists in V3_LISTS.items() for split in lists}
    assert list(V3_LISTS) == ['zero-shot', '1-shot', '3-shot', '5-shot']
    seen = sets['zero-shot', 'train'] | sets['zero-shot', 'val']
    unseen = sets['zero-shot', 'test']
    assert seen and unseen and not seen & unseen
    assert not sets['zero-shot', 'train'] & sets['zero-shot', 'val']
    smaller = set()
    for shots in (1, 3, 5):
        train, val, test = (
            sets[f'{shots}-shot', split] for split in ('train', 'val', 'test'))
        assert len(train) == shots and smaller < train < unseen
        assert test == unseen - train
        assert val == sets['zero-shot', 'val']
        smaller = train


def test_samples(root):
    """A list without objects and with another split is completed."""
    dataset = DATASETS.build(dict(type='AVSBenchV3Dataset', data_root=root,
                                  setting='5-shot', split='test',
                                  frames_per_clip=2))
    text = Path(root, 'v3', 'v3_5_shot', 'test.csv').read_text()
    assert ',,,,v3_1_shot_train,v' in text  # as in the published lists
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        assert len(info['a_obj']) == 2
        assert set(info['a_obj']) < set(AVSBENCH_CLASSES)
        assert info['split'] == 'test'
        assert Path(info['img_path']).is_file()
    Path(root, 'metadata.csv').unlink()
    dataset = build(root, '5-shot', 'test')
    assert dataset.get_data_info(0)['a_obj'] == ()
    assert dataset.get_data_info(0)['split'] == 'test'


def test_folder_of_the_lists(root, tmp_path):
    with_lists = uids(build(root))
    shutil.move(Path(root, 'v3'), tmp_path / 'lists')
    with pytest.raises(FileNotFoundError, match='say by list_dir'):
        build(root)
    for list_dir in (str(tmp_path / 'lists'), '../lists'):
        assert uids(build(root, list_dir=list_dir)) == with_lists


@pytest.mark.parametrize('change, message', [
    (dict(uid=lambda rows: rows.uid + 'x'),
     r'(?s)in 8 of 8 clips.*x is not in metadata.csv'),
    (dict(a_obj='dog'), r"has the objects \('dog',\), in metadata.csv \("),
    (dict(label='v2'), 'is in v2, in metadata.csv in v1m'),
])
def test_lists_of_other_data(root, change, message):
    """A list that doesn't belong to the data is no smaller data set."""
    path = Path(root, 'v3', 'meta_v3_unseen.csv')
    pd.read_csv(path).assign(**change).to_csv(path, index=False)
    with pytest.raises(ValueError, match=message):
        build(root, split='test')


@pytest.mark.parametrize('arguments, message', [
    (dict(setting='2-shot'), "'5-shot'.*'2-shot'"),
    (dict(split=None), "'test'.*None"),
    (dict(ann_file='v3/meta_v3_seen.csv'), 'instead of ann_file'),
])
def test_wrong_arguments(clean_root, arguments, message):
    with pytest.raises(ValueError, match=message):
        build(clean_root, **arguments)
