# Copyright (c) mmteso contributors. All rights reserved.
"""SynthAVS is read by the same class as AVSBench, and by nothing else."""
import numpy as np
import pytest
from PIL import Image

from mmteso.datasets import AVSBenchDataset
from mmteso.io import CueFile
from mmteso.testbeds.synthavs import CLASSES, generate_synthavs

FRAMES = 2


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    path = tmp_path_factory.mktemp('data') / 'synthavs'
    generate_synthavs(path, videos=6, frames=FRAMES, size=24)
    return path


def _dataset(root, **kwargs):
    return AVSBenchDataset(
        data_root=str(root),
        subsets='v2',
        metainfo=dict(classes='label2idx.json'),
        **kwargs)


@pytest.mark.parametrize('split, videos', [('train', 4), ('val', 1),
                                           ('test', 1)])
@pytest.mark.parametrize('mask_source', ['labels_rgb', 'labels_semantic'])
def test_avsbench_dataset_reads_it(root, split, videos, mask_source):
    dataset = _dataset(
        root, split=split, task='semantic', mask_source=mask_source)
    assert len(dataset) == videos * FRAMES
    assert tuple(dataset.metainfo['classes']) == CLASSES
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        assert info['num_frames'] == FRAMES
        assert info['subset'] == 'v2'
        visible = np.array(Image.open(info['visible_map_path']))
        assert set(info['a_obj']) <= set(CLASSES[1:])
        assert visible.max() < len(CLASSES)
        assert mask_source in info['seg_map_path']


def test_cue_file_is_read(root):
    cues = CueFile(str(root / 'cues.jsonl'))
    for split in ('train', 'val', 'test'):
        dataset = _dataset(root, split=split)
        for index in range(len(dataset)):
            info = dataset.get_data_info(index)
            record = cues[info['uid'], info['frame']]
            assert set(record.cues) <= set(CLASSES[1:])
            assert record.captioner == 'synthavs'


def test_it_is_not_taken_for_avsbench(root):
    with pytest.raises(ValueError, match='label2idx'):
        AVSBenchDataset(data_root=str(root), subsets='v2')
