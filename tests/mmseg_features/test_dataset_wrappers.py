# Copyright (c) mmteso contributors. All rights reserved.
"""mmengine's wrappers around data sets that sound."""
import copy
import math
from collections import Counter

import pytest
from both_kinds import KINDS, run_test, whole_config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS

from data import make_synthavs_index
from mmteso.testbeds.synthavs import CLASSES as NAMES

SYNTHAVS = dict(type='AVSBenchDataset', metainfo=dict(classes=NAMES),
                subsets='v2', serialize_data=False)


def wrap(kind, dataset, **kwargs):
    return dict(type=kind, dataset=dataset, **kwargs)


def sounding(dataset):
    """How often each class sounds in an epoch."""
    return Counter(name for i in range(len(dataset))
                   for name in dataset.get_data_info(i)['a_obj'])


@pytest.mark.parametrize('task', ['binary', 'semantic'])
def test_what_sounds_rarely_is_repeated(tmp_path, task):
    """Not what is seen rarely: the last class is visible in all clips."""
    init_default_scope('mmseg')
    common, rare, mute = NAMES[1:4]
    clips = [(f'{common}_{mute}', common)] * 9
    clips += [(f'{rare}_{mute}', rare), (mute, '')]
    root = make_synthavs_index(tmp_path / 'data', clips, NAMES)
    plain = dict(SYNTHAVS, data_root=root, task=task, check_files=False,
                 frames_per_clip=2)
    assert sounding(DATASETS.build(plain)) == {common: 18, rare: 2}
    balanced = DATASETS.build(
        wrap('ClassBalancedDataset', plain, oversample_thr=0.5))
    repeats = math.ceil(math.sqrt(0.5 / (2 / 22)))
    assert repeats == 3
    assert sounding(balanced) == {common: 18, rare: 2 * repeats}
    # the silent clip stays, once
    assert len(balanced) == 18 + 2 * repeats + 2


@pytest.mark.parametrize('kind, lazy', zip(KINDS, [False, True]))
def test_sets_together(kind, lazy, synthavs, tmp_path):
    """Scores as those of one set, under each of several sounds."""
    cfg = whole_config(kind, synthavs, tmp_path, frames=None)
    one, both = copy.deepcopy(cfg), copy.deepcopy(cfg)
    dataset = cfg.test_dataloader.dataset
    one.test_dataloader.dataset.split = ['val', 'test']
    both.test_dataloader.dataset = dict(
        type='ConcatDataset', lazy_init=lazy, datasets=[
            dict(dataset, split=split, lazy_init=lazy)
            for split in ('val', 'test')])
    results = []
    for config in (one, both):
        config.test_cfg = dict(
            type='AudioControlLoop', conditions=['normal', 'mute'])
        runner, metrics = run_test(config)
        results.append(metrics)
        assert runner.test_evaluator.dataset_meta['classes'] == (
            'background', 'sounding')
    assert len(runner.test_dataloader.dataset) == 4
    assert results[0] == pytest.approx(results[1], nan_ok=True)
    assert {'normal/J', 'mute/J'} <= set(results[0])
