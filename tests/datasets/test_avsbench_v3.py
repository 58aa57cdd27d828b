# Copyright (c) mmteso contributors. All rights reserved.
import csv
import shutil
from pathlib import Path

import pytest
from mmseg.registry import DATASETS

from data import make_avsbench, make_v3_lists
from mmteso.datasets import AVSBenchV3Dataset
from mmteso.datasets.avsbench_meta import AVSBENCH_CLASSES
from mmteso.datasets.avsbench_v3 import V3_LISTS


def build(*args, **kwargs):
    return AVSBenchV3Dataset(*args, serialize_data=False, **kwargs)


def uids(dataset):
    return {
        dataset.get_data_info(index)['uid']
        for index in range(len(dataset))
    }


@pytest.fixture(scope='module')
def clean_root(tmp_path_factory):
    root = make_avsbench(
        tmp_path_factory.mktemp('avsbench'), ('v1m', 'v2'), clips=4, frames=2)
    make_v3_lists(root)
    return root


@pytest.fixture
def root(clean_root, tmp_path):
    return shutil.copytree(clean_root, tmp_path / 'avs')


def rewrite(path, change):
    """Change each row of a CSV file."""
    with open(path, newline='') as file:
        rows = list(csv.DictReader(file))
    with open(path, 'w', newline='') as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(change(dict(row)) for row in rows)


def test_lists_of_each_setting(clean_root):
    """Which file is read for what, as GAVS's README says."""
    sets = {(setting, split): uids(
        build(clean_root, setting, split, frames_per_clip=2))
            for setting, lists in V3_LISTS.items() for split in lists}
    assert {setting for setting, _ in sets} == {
        'zero-shot', '1-shot', '3-shot', '5-shot'
    }
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
    subsets = {uid.split('-')[0] for uid in seen | unseen}
    assert subsets == {'v1m', 'v2'}


def test_samples(clean_root):
    dataset = DATASETS.build(
        dict(
            type='AVSBenchV3Dataset',
            data_root=clean_root,
            setting='5-shot',
            split='test',
            frames_per_clip=2,
            serialize_data=False))
    assert (dataset.setting, dataset.split) == ('5-shot', 'test')
    text = Path(clean_root, 'v3', 'v3_5_shot', 'test.csv').read_text()
    assert ',,,,v3_1_shot_train,v' in text  # as in the published lists
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        # the list has no objects and another split
        assert len(info['a_obj']) == 2
        assert set(info['a_obj']) < set(AVSBENCH_CLASSES)
        assert info['split'] == 'test'
        assert Path(info['img_path']).is_file()
        assert Path(info['seg_map_path']).is_file()


def test_folder_of_the_lists(root, tmp_path):
    with_lists = uids(build(root, frames_per_clip=2))
    shutil.move(Path(root, 'v3'), tmp_path / 'lists')
    with pytest.raises(FileNotFoundError, match='say by list_dir'):
        build(root, frames_per_clip=2)
    for list_dir in (str(tmp_path / 'lists'), '../lists'):
        dataset = build(root, list_dir=list_dir, frames_per_clip=2)
        assert uids(dataset) == with_lists


def test_without_metadata(root):
    Path(root, 'metadata.csv').unlink()
    zero = build(root, 'zero-shot', 'test', frames_per_clip=2)
    assert all(len(zero.get_data_info(i)['a_obj']) == 2 for i in range(4))
    one = build(root, '1-shot', 'test', frames_per_clip=2)
    assert {one.get_data_info(i)['a_obj'] for i in range(len(one))} == {()}
    assert one.get_data_info(0)['split'] == 'test'


def test_lists_of_other_data(root):
    """A list that doesn't belong to the data is no smaller data set."""
    path = Path(root, 'v3', 'meta_v3_unseen.csv')
    number = len(path.read_text().splitlines()) - 1

    def message(change):
        kept = path.read_bytes()
        rewrite(path, change)
        with pytest.raises(ValueError) as caught:
            build(root, split='test', frames_per_clip=2)
        path.write_bytes(kept)
        return str(caught.value)

    text = message(lambda row: {**row, 'uid': row['uid'] + 'x'})
    assert f'in {number} of {number} clips' in text
    assert text.count('is not in metadata.csv') == 5
    assert "has the objects ('dog',), in metadata.csv (" in message(
        lambda row: {**row, 'a_obj': 'dog'})
    assert 'is in v2, in metadata.csv in v1m' in message(
        lambda row: {**row, 'label': 'v2'})
    assert len(build(root, split='test', frames_per_clip=2)) == 2 * number


@pytest.mark.parametrize('arguments, message', [
    (dict(setting='2-shot'), "'5-shot'.*'2-shot'"),
    (dict(split='unseen'), "'test'.*'unseen'"),
    (dict(split=None), 'None'),
    (dict(ann_file='v3/meta_v3_seen.csv'), 'instead of ann_file'),
])
def test_wrong_arguments(clean_root, arguments, message):
    with pytest.raises(ValueError, match=message):
        build(clean_root, **arguments)
