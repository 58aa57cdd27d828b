# Copyright (c) mmteso contributors. All rights reserved.
import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmteso.evaluation import AVSMetric, reference_scores

# Two objects, a silent frame, one object that sounds.
GT = torch.tensor([[1, 1, 0, 0], [0, 0, 0, 0], [2, 0, 0, 0]])
VISIBLE = torch.tensor([[1, 1, 3, 0], [1, 0, 0, 0], [2, 0, 0, 0]])
EXPECTED = dict(
    everything=dict(J=100 * (2 / 3 + 3 / 4 + 1) / 3, J_part=100 * 2 / 3),
    blank=dict(J=100 * (0 + 1 + 0) / 3, J_part=0))


class Dataset:
    """Items as a test pipeline packs them; never raises IndexError."""

    def __len__(self):
        return len(GT)

    def __getitem__(self, i):
        sample = SegDataSample(
            gt_sem_seg=PixelData(data=GT[i % 3][None, None]),
            gt_visible=PixelData(data=VISIBLE[i % 3][None, None]))
        return dict(inputs=dict(), data_samples=sample)


@pytest.mark.parametrize('frames', [
    list(zip(GT, VISIBLE)),
    ((g.numpy()[None], v.numpy().astype(np.uint8)[None])
     for g, v in zip(GT, VISIBLE)),
    Dataset(),
])
def test_hand_computed(frames):
    scores = reference_scores(frames)
    assert set(scores) == set(EXPECTED)
    for name, row in EXPECTED.items():
        assert scores[name] == pytest.approx(row, abs=1e-4)


def test_same_as_the_metric_on_such_predictions():
    g = torch.Generator().manual_seed(0)
    visible = torch.randint(0, 3, (20, 6, 6), generator=g)
    gt = visible * (torch.rand(20, 1, 1, generator=g) > 0.3) * (visible != 2)
    gt[:, 0, 0] = 255
    scores = reference_scores(zip(gt, visible))
    for name, score in (('everything', (visible > 0).float()),
                        ('blank', torch.zeros(20, 6, 6))):
        metric = AVSMetric()
        metric.process(None, [
            dict(
                sounding_score=dict(data=s[None]),
                gt_sem_seg=dict(data=t[None]),
                gt_visible=dict(data=v[None]))
            for s, t, v in zip(score, gt, visible)
        ])
        result = metric.evaluate(20)
        assert scores[name] == {k: result[k] for k in ('J', 'J_part')}


def test_errors():
    with pytest.raises(ValueError, match='No frame was scored'):
        reference_scores([])
    sample = SegDataSample(gt_sem_seg=PixelData(data=GT[:1][None]))
    with pytest.raises(KeyError, match='load_visible=True'):
        reference_scores([dict(inputs=dict(), data_samples=sample)])
