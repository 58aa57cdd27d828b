# Copyright (c) mmteso contributors. All rights reserved.
from itertools import islice
from unittest import mock

import pytest
from mmengine.dataset import ClassBalancedDataset, ConcatDataset
from mmengine.runner import Runner

from data import make_avsbench
from mmteso.datasets import AVSBenchDataset, ClipSampler
from mmteso.datasets.clip_samplers import clips_of


@pytest.fixture(scope='module')
def dataset(tmp_path_factory):
    """Train clips: three with a mask in one of 5 frames, three of 10."""
    root = make_avsbench(
        tmp_path_factory.mktemp('clips'), ('v1s', 'v2'), ('train', ), clips=3)
    return AVSBenchDataset(data_root=root, subsets=['v1s', 'v2'],
                           split='train', task='binary', with_masks=False,
                           pipeline=[])


def loader(dataset, batch_size=2, rank=0, processes=1, **sampler):
    with mock.patch('mmengine.dataset.sampler.get_dist_info',
                    lambda: (rank, processes)):
        return Runner.build_dataloader(
            dict(dataset=dataset, batch_size=batch_size, sampler=sampler,
                 batch_sampler=dict(type='ClipBatchSampler'),
                 collate_fn=dict(type='pseudo_collate')), seed=3)


def names(dataset, batch):
    """The clips of a batch and the numbers of their frames."""
    found = {}
    for index in batch:
        info = dataset.get_data_info(index)
        found.setdefault(info['uid'], []).append(info['frame'])
    return found


def whole(frames):
    return len(frames) in (5, 10) and frames == list(range(len(frames)))


def test_clips_stay_whole_and_mix(dataset):
    batches = list(
        loader(dataset, type='ClipSampler', shuffle=True).batch_sampler)
    assert [len(names(dataset, batch)) for batch in batches] == [2, 2, 2]
    assert all(whole(frames) for batch in batches
               for frames in names(dataset, batch).values())
    assert sorted(sum(batches, [])) == list(range(len(dataset)))
    # of 5 and 10 frames in one batch
    assert 15 in [len(batch) for batch in batches]


def test_epochs_have_an_order_of_their_own(dataset):
    sampled = loader(dataset, type='ClipSampler', shuffle=True)
    first = list(sampled.batch_sampler)
    assert first == list(sampled.batch_sampler)
    sampled.batch_sampler.sampler.set_epoch(1)
    assert first != list(sampled.batch_sampler)


@pytest.mark.parametrize('processes', [2, 4, 7])
def test_a_test_has_each_frame_once(dataset, processes):
    """Whether or not the clips can be shared evenly."""
    parts = [sum(loader(dataset, 1, rank, processes, type='ClipSampler',
                        shuffle=False).batch_sampler, [])
             for rank in range(processes)]
    assert sorted(sum(parts, [])) == list(range(len(dataset)))


def test_training_has_as_many_batches_everywhere(dataset):
    parts = [list(loader(dataset, 1, rank, 4, type='ClipSampler',
                         shuffle=True).batch_sampler) for rank in range(4)]
    assert [len(part) for part in parts] == [2] * 4
    assert set(sum(sum(parts, []), [])) == set(range(len(dataset)))


def test_endless_sampling(dataset):
    """Each pass over the data has all clips, shared by the processes."""
    parts = [list(islice(loader(dataset, 3, rank, 2,
                                type='InfiniteClipSampler').batch_sampler, 2))
             for rank in range(2)]
    for turn in range(2):
        frames = sorted(parts[0][turn] + parts[1][turn])
        assert frames == list(range(len(dataset)))
    assert parts[0][0] != parts[0][1]


def test_wrapped_data(dataset):
    both = ConcatDataset([dataset, dataset])
    assert len(clips_of(both)) == 12
    assert all(whole(names(both, clip).popitem()[1])
               for clip in clips_of(both))
    with pytest.raises(ValueError, match='ClassBalancedDataset'):
        clips_of(ClassBalancedDataset(dataset, oversample_thr=1.))


def test_frames_of_another_sampler_are_refused(dataset):
    with pytest.raises(TypeError, match="type='ClipSampler'"):
        loader(dataset, type='DefaultSampler')
    assert len(ClipSampler(dataset)) == 6
