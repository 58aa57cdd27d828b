# Copyright (c) mmteso contributors. All rights reserved.
import copy
import math

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmteso.apis.frame_pictures import (choose_frames, condition_datasets,
                                        condition_rows, find_frames, frame_key,
                                        frame_picture, heard_sound,
                                        load_frames, load_model, masks_only,
                                        predict, score_threshold)


@pytest.fixture
def dataset(listening_cfg):
    return masks_only(listening_cfg)


def test_masks_without_sound_and_text(listening_cfg, dataset):
    full = condition_datasets(listening_cfg, ['normal'])['normal']
    before = copy.deepcopy(listening_cfg.test_dataloader)
    assert len(dataset) == len(masks_only(listening_cfg)) == len(full) >= 6
    assert listening_cfg.test_dataloader == before
    for index in (0, len(full) - 1):
        bare, whole = dataset[index], full[index]
        assert list(bare['inputs']) == ['img']
        assert len(whole['inputs']) > 1
        for field in ('gt_sem_seg', 'gt_visible'):
            assert torch.equal(bare['data_samples'].get(field).data,
                               whole['data_samples'].get(field).data)
        assert frame_key(bare['data_samples']) == frame_key(
            full.get_data_info(index))


@pytest.mark.parametrize('count', [1, 3, 5])
def test_chosen_frames_show_where_listening_is_needed(dataset, count):
    frames = choose_frames(dataset, count)
    assert frames == sorted(set(frames)) and len(frames) <= count
    part = 0
    for index in frames:
        sample = dataset[index]['data_samples']
        sounding, visible = sample.gt_sem_seg.data, sample.gt_visible.data
        part += bool(sounding.any() and (visible > sounding).any())
    assert part >= min(len(frames), math.ceil(0.75 * count))


def sample_of(label, visible=None):
    sample = SegDataSample()
    sample.gt_sem_seg = PixelData(data=torch.full((1, 2, 2), label))
    if visible is not None:
        sample.gt_visible = PixelData(data=torch.full((1, 2, 2), visible))
    return dict(data_samples=sample)


def test_frames_where_nothing_tells_what_is_silent():
    """As in AVSBench; any class sounds, what is to be ignored does not."""
    items = [sample_of(label) for label in (0, 255, 0, 70, 1, 3, 0, 2)]
    frames = choose_frames(items, 4)
    assert len(frames) == 4 and frames == sorted(frames)
    assert set(frames) & {3, 4, 5, 7} == set(frames) - {0}
    # a visible object that is silent is preferred where it can be told
    items = [sample_of(1, 1), sample_of(0, 1), sample_of(1, 0)]
    items[2]['data_samples'].gt_visible.data[0, 0, 0] = 2
    items[2]['data_samples'].gt_sem_seg.data[0, 0, 0] = 0
    assert choose_frames(items, 1) == [2]


def test_frames_by_name(dataset):
    first, last = (dataset.get_data_info(i) for i in (0, len(dataset) - 1))
    names = [f'{last["uid"]}:{last["frame"]}', first['uid']]
    assert find_frames(dataset, names) == [len(dataset) - 1, 0]
    with pytest.raises(ValueError, match="'nobody:0' to be one.*such as .*:0"):
        find_frames(dataset, ['nobody:0'])
    with pytest.raises(ValueError, match='it is 0; the name of a frame is'):
        find_frames(dataset, [f'{first["uid"]}:99'])


def test_frames_by_key(dataset):
    keys = [frame_key(dataset.get_data_info(index)) for index in (4, 1)]
    items = load_frames(dataset, keys)
    assert [frame_key(item['data_samples']) for item in items] == keys
    other = ('v2', 'elsewhere', 0)
    with pytest.raises(ValueError, match="lacks .*'elsewhere'"):
        load_frames(dataset, [*keys, other])


@pytest.mark.parametrize('evaluator, expected', [
    (dict(type='AVSMetric'), 0.5),
    ([dict(type='AVSSMetric'), dict(type='mmseg.AVSMetric', threshold=.4)],
     0.4),
    (dict(type='IoUMetric'), 0.5),
])
def test_threshold_is_the_metrics(evaluator, expected):
    assert score_threshold(Config(dict(test_evaluator=evaluator))) == expected


def test_picture_is_rgb_at_the_size_of_the_truth():
    item = sample_of(1)
    image = torch.zeros(3, 2, 2, dtype=torch.uint8)
    image[0] = 200  # blue
    item['inputs'] = dict(img=image)
    picture = frame_picture(item)
    assert picture.dtype == np.uint8 and picture.shape == (2, 2, 3)
    assert picture[0, 0].tolist() == [0, 0, 200]
    item['inputs']['img'] = image.repeat(1, 4, 3)
    assert np.array_equal(frame_picture(item), picture)


def test_sound_that_is_heard(listening_cfg):
    datasets = condition_datasets(listening_cfg, ['normal', 'mute'])
    sounds = {}
    for name, dataset in datasets.items():
        index, = choose_frames(dataset, 1)  # something sounds
        sounds[name] = heard_sound(dataset[index])
        assert sounds[name].shape == (96, 64)
    assert np.ptp(sounds['mute']) == 0 < np.ptp(sounds['normal'])
    assert heard_sound(dict(inputs=dict(audio_feat=torch.zeros(3)))) is None


def test_checkpoint_that_does_not_fit(listening_cfg, checkpoint):
    listening_cfg.model.prompt_encoder.num_layers = 2
    with pytest.raises(
            RuntimeError,
            match=r'model\.pth does not fit .*\n.*missing .*prompt_encoder'):
        load_model(listening_cfg, checkpoint)


def test_rows_are_what_the_model_says(listening_cfg, checkpoint):
    datasets = condition_datasets(listening_cfg, ['normal', 'wgn-10db'])
    keys = [
        frame_key(datasets['normal'].get_data_info(index)) for index in (1, 5)
    ]
    items = {name: load_frames(ds, keys) for name, ds in datasets.items()}
    model = load_model(listening_cfg, checkpoint)
    assert not model.training
    scores = {
        name: [one.sounding_score.data[0] for one in predict(model, some)]
        for name, some in items.items()
    }
    # random weights: a threshold that divides the pixels
    threshold = float(scores['normal'][0].median())
    listening_cfg.test_evaluator[0].threshold = threshold
    rows = condition_rows(listening_cfg, model, items, sounds=True)
    assert len(rows) == 2
    for i, row in enumerate(rows):
        assert list(row.masks) == ['ground truth', 'normal', 'wgn-10db']
        sample = items['normal'][i]['data_samples']
        assert np.array_equal(row.masks['ground truth'],
                              sample.gt_sem_seg.data[0].numpy() == 1)
        for name in items:
            assert np.array_equal(row.masks[name],
                                  scores[name][i].numpy() > threshold)
            assert np.array_equal(row.sounds[name],
                                  items[name][i]['inputs']['log_mel'][0])
        assert sample.uid in row.label and sample.text_cues[0] in row.label
    assert 0 < rows[0].masks['normal'].mean() < 1
    assert not condition_rows(listening_cfg, model, items)[0].sounds


def test_other_videos_sound_is_named(listening_cfg, checkpoint):
    item = condition_datasets(listening_cfg, ['normal'])['normal'][0]
    item['data_samples'].set_metainfo(dict(off_screen_uid='other-video'))
    model = load_model(listening_cfg, checkpoint)
    row, = condition_rows(listening_cfg, model, {'off-screen': [item]})
    assert row.notes == {'off-screen': 'sound of other-video'}
