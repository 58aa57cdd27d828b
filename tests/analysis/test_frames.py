# Copyright (c) mmteso contributors. All rights reserved.
import copy
import math

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmteso.analysis.frames import (build_test_set, choose_frames, frame_name,
                                    load_frames, mask_rows, masks_only,
                                    picture_of, references)
from mmteso.apis import init_model
from mmteso.evaluation import reference_scores
from mmteso.visualization import overlay_mask


@pytest.fixture
def dataset(listening_cfg):
    return masks_only(listening_cfg)


def test_masks_without_sound_and_text(listening_cfg, dataset):
    before = copy.deepcopy(listening_cfg.test_dataloader)
    full = build_test_set(listening_cfg)
    assert len(dataset) == len(full) >= 6
    bare, whole = dataset[0], full[0]
    assert list(bare['inputs']) == ['img'] and len(whole['inputs']) > 1
    for field in ('gt_sem_seg', 'gt_visible'):
        assert torch.equal(bare['data_samples'].get(field).data,
                           whole['data_samples'].get(field).data)
    scores = references(listening_cfg)
    assert scores == reference_scores(full)
    assert scores['everything']['J'] > scores['blank']['J']
    assert listening_cfg.test_dataloader == before
    for step in listening_cfg.test_dataloader.dataset.pipeline:
        step.pop('load_visible', None)
    assert references(listening_cfg) is None


@pytest.mark.parametrize('count', [1, 3, 5])
def test_chosen_frames_show_where_listening_is_needed(dataset, count):
    items = load_frames(dataset, choose_frames(dataset, count))
    part = 0
    for item in items:
        sample = item['data_samples']
        sounding, visible = sample.gt_sem_seg.data, sample.gt_visible.data
        part += bool(sounding.any() and (visible > sounding).any())
    assert len(items) <= count
    assert part >= min(len(items), math.ceil(0.75 * count))


def sample_of(label, frame=0):
    sample = SegDataSample(metainfo=dict(uid='a', frame=frame))
    sample.gt_sem_seg = PixelData(data=torch.full((1, 2, 2), label))
    return dict(data_samples=sample)


def test_frames_where_nothing_tells_what_is_silent():
    """As in AVSBench; any class sounds, what is to be ignored does not."""
    labels = (0, 255, 0, 70, 1, 3, 0, 2)
    items = [sample_of(label, i) for i, label in enumerate(labels)]
    frames = [int(name.split(':')[1]) for name in choose_frames(items, 4)]
    assert len(frames) == 4 and frames == sorted(frames)
    assert set(frames) - {0} <= {3, 4, 5, 7}


def test_frames_by_name(dataset):
    names = [frame_name(dataset.get_data_info(i))
             for i in (len(dataset) - 1, 0)]
    found = load_frames(dataset, names)
    assert [frame_name(item['data_samples']) for item in found] == names
    with pytest.raises(
            ValueError, match=r"no frame\(s\) \['nobody:0'\].*such as .*:0"):
        load_frames(dataset, [*names, 'nobody:0'])


@torch.no_grad()
def test_rows_of_masks(listening_cfg, checkpoint, monkeypatch):
    """The model's masks beside the truth, with the sound that was heard."""

    def lent(*args):
        items = load_frames(*args)
        for item in items:
            item['data_samples'].set_metainfo(dict(off_screen_uid='donor'))
        return items

    monkeypatch.setattr('mmteso.analysis.frames.load_frames', lent)
    names = choose_frames(masks_only(listening_cfg), 2)
    items = {name: load_frames(build_test_set(listening_cfg, name), names)
             for name in ('normal', 'wgn-10db')}
    model = init_model(listening_cfg, checkpoint)
    scores = [
        model.test_step({key: [item[key]] if key == 'data_samples'
                         else {name: [value]
                               for name, value in item[key].items()}
                         for key in item})[0].sounding_score.data[0].numpy()
        for item in items['normal']]
    # random weights: a threshold that divides the pixels, far from all
    values = np.sort(np.ravel(scores))
    middle = values[len(values) // 4:-len(values) // 4]
    place = np.diff(middle).argmax()
    threshold = float(middle[place:place + 2].mean())
    listening_cfg.test_evaluator[0].threshold = threshold
    model.cfg = listening_cfg
    rows = mask_rows(
        dict(one=model, other=model), names, ['normal', 'wgn-10db'])
    assert len(rows) == 2 * len(names)
    for i, row in enumerate(rows):
        assert list(
            row.pictures) == ['frame', 'ground truth', 'normal', 'wgn-10db']
        item = items['normal'][i // 2]
        mask = scores[i // 2] > threshold
        np.testing.assert_array_equal(row.pictures['normal'],
                                      overlay_mask(picture_of(item), mask))
        truth = item['data_samples'].gt_sem_seg.data[0].numpy() == 1
        iou = 100 * (mask & truth).sum() / max((mask | truth).sum(), 1)
        note = row.notes['normal'].splitlines()[0]
        assert note == (f'IoU {iou:.0f} %' if truth.any() else
                        f'{100 * mask.mean():.0f} % of the frame')
        if i % 2:
            # what is heard stands above the first model alone
            assert row.label == 'other' and not row.sounds
            assert 'sound of' not in row.notes['wgn-10db']
        else:
            assert row.label.startswith(
                f'one\n{names[i // 2].split(":")[0]} t=')
            assert row.notes['wgn-10db'].endswith('\nsound of donor')
            for name, sound in row.sounds.items():
                heard = items[name][i // 2]['inputs']['log_mel'][0]
                np.testing.assert_array_equal(sound, heard)
    alone, = mask_rows(dict(one=model), names[:1], ['mute'])
    assert alone.label.startswith(names[0].split(':')[0])
