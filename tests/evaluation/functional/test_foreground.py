# Copyright (c) mmteso contributors. All rights reserved.
"""J and F against AVSBench's definitions, written out slowly and literally."""
import math

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmteso.evaluation import reference_scores
from mmteso.evaluation.functional import (
    FrameScore, average_avsbench, average_frames, f_curve, mean, score_frame)

KINDS = ('random', 'empty', 'full', 'blank', 'all_predicted', 'perfect',
         'inverted', 'binary', 'ties', 'on_thresholds', 'near_thresholds',
         'one_pixel', 'box', 'constant', 'half_half', 'sharp')
THRESHOLDS = torch.linspace(0, 1 - 1e-10, 255)


def literal_frame(score, gt):
    """J in float32; F per threshold, or None for an empty ground truth."""
    pred = (score > 0.5).float()
    if gt.sum() == 0:
        inter = ((1 - gt) * (1 - pred)).sum()
        return inter / (torch.tensor(float(gt.numel())) + 1e-7), None
    iou = (pred * gt).sum() / (torch.max(pred, gt).sum() + 1e-7)
    # compare with each threshold, no sorting, no bins
    pred = (score >= THRESHOLDS[:, None, None]).float()
    tp = (pred * gt).sum((1, 2))
    prec = tp / (pred.sum((1, 2)) + 1e-20)
    rec = tp / (gt.sum() + 1e-20)
    f = (1 + 0.3) * prec * rec / (0.3 * prec + rec)
    f[torch.isnan(f)] = 0
    return iou, f


def literal_test_script(frames, batch):
    """J and F of literal frames: per batch, then over batches."""
    js, fs, n = 0.0, 0.0, 0
    for start in range(0, len(frames), batch):
        ious, curves = zip(*frames[start:start + batch])
        js = js + torch.sum(torch.stack(ious)) / len(ious)
        total, count = 0.0, 0
        for curve in curves:
            if curve is not None:
                total, count = total + curve, count + 1
        fs += (total / count).max().item() if count else 0.0
        n += 1
    return (js / n).item(), fs / n


def make_frame(seed):
    """A frame of one of KINDS: score and ground truth, float32."""
    g = torch.Generator().manual_seed(seed)
    kind = KINDS[seed % len(KINDS)]
    h, w = torch.randint(1, 24, (2, ), generator=g).tolist()
    score = torch.rand(h, w, generator=g)
    gt = (torch.rand(h, w, generator=g) < torch.rand(1, generator=g)).float()
    on = THRESHOLDS[torch.randint(0, 255, (h, w), generator=g)]
    if kind == 'near_thresholds':
        toward = (torch.rand(h, w, generator=g) > 0.5).float()
        return torch.nextafter(on, toward), gt
    if kind == 'one_pixel':
        return score[:1, :1], gt[:1, :1]
    if kind == 'box':
        gt.zero_()
        gt[:h // 2 + 1, :w // 2 + 1] = 1
        return 0.3 * score + 0.6 * gt, gt
    if kind in ('empty', 'full'):
        return score, torch.full_like(gt, kind == 'full')
    return dict(random=score, blank=torch.zeros_like(gt),
                all_predicted=torch.ones_like(gt), perfect=gt.clone(),
                inverted=1 - gt, binary=(score > 0.3).float(),
                ties=(score * 4).round() / 4, on_thresholds=on,
                constant=torch.full_like(gt, score[0, 0].item()),
                half_half=torch.full_like(gt, 0.5),
                sharp=torch.sigmoid(40 * (score - 0.5)))[kind], gt


@pytest.fixture(scope='module')
def frames():
    return [make_frame(seed) for seed in range(640)]


@pytest.fixture(scope='module')
def literals(frames):
    return [literal_frame(*frame) for frame in frames]


@pytest.fixture(scope='module')
def scored(frames):
    return [score_frame(score, gt.long()) for score, gt in frames]


def test_every_frame_digit_for_digit(scored, literals):
    nonempty = 0
    for got, (iou, curve) in zip(scored, literals):
        assert got.iou == iou.item()
        assert got.sounding == (curve is not None)
        if got.sounding:
            nonempty += 1
            assert (torch.from_numpy(got.f_curve) == curve).all()
    assert nonempty > 500 and len(scored) - nonempty > 50


@pytest.mark.parametrize('number', [1, 2, 3, 255, 1000])
def test_other_numbers_of_thresholds(number):
    """Ties, their neighbours, and what rounding puts beyond [0, 1]."""
    g = torch.Generator().manual_seed(number)
    thresholds = torch.linspace(0, 1 - 1e-10, number)
    on = thresholds[torch.randint(0, number, (3000, ), generator=g)]
    score = torch.cat([on, torch.nextafter(on, torch.zeros(())),
                       torch.nextafter(on, torch.ones(())),
                       torch.rand(3000, generator=g) * 1.0002 - 1e-4])
    gt = torch.rand(score.shape, generator=g) < 0.3
    passed = score >= thresholds[:, None]
    tp = (passed & gt).sum(1).float()
    precision = tp / (passed.sum(1).float() + 1e-20)
    recall = tp / gt.sum().float()
    expected = 1.3 * precision * recall / (0.3 * precision + recall)
    assert torch.equal(f_curve(score, gt, number), expected.nan_to_num(0))


@pytest.mark.parametrize('batch', [1, 3, 5, 64, 640])
def test_batches_digit_for_digit(scored, literals, batch):
    for num in (640, 639, 3):
        assert average_avsbench(scored[:num], batch) == literal_test_script(
            literals[:num], batch)


@pytest.mark.parametrize('kind', KINDS)
def test_ignored_pixels_are_as_if_absent(frames, kind):
    """Pixels of value 255 change nothing, whatever is predicted there."""
    score, gt = frames[160 + KINDS.index(kind)]
    wide = torch.cat([score, torch.rand(7, score.shape[1])])
    wide_gt = torch.cat([gt.long(), torch.full((7, gt.shape[1]), 255)])
    got, expected = score_frame(wide, wide_gt), score_frame(score, gt)
    assert (got.iou, got.foreground) == (expected.iou, expected.foreground)
    if expected.sounding:
        assert (got.f_curve == expected.f_curve).all()


def test_part_needs_a_silent_visible_object():
    score = torch.zeros(2, 4)
    gt = torch.tensor([[1, 1, 0, 0], [0, 0, 0, 255]])
    both = torch.tensor([[1, 1, 0, 0], [0, 0, 2, 0]])
    assert score_frame(score, gt, both).part is True
    assert score_frame(score, gt, both, part_min_pixels=2).part is False
    # Another class at a sounding pixel, and ignored pixels, are no silent
    # object.
    other = torch.tensor([[3, 3, 0, 0], [0, 0, 255, 1]])
    assert score_frame(score, gt, other).part is False
    # Nothing sounds: then not *some* of the objects do.
    assert score_frame(score, torch.zeros_like(gt), both).part is False


def test_leading_dimension_float_types_and_size():
    score = torch.rand(300, 300).bfloat16()
    gt = torch.randint(0, 3, (300, 300))
    flat = score_frame(score.float(), gt)
    for other in (score, score.double()):
        frame = score_frame(other[None], gt[None].byte())
        assert frame.iou == flat.iou
        assert (frame.f_curve == flat.f_curve).all()


@pytest.mark.parametrize('score, gt, visible, message', [
    ([[math.nan, 0]], [[1, 0]], None, r'expected \[0, 1\] without NaN'),
    ([[1.01, 0]], [[1, 0]], None, 'not logits'),
    ([[-0.01, 0]], [[1, 0]], None, 'not logits'),
    ([[1, 0], [0, 1]], [[1, 0]], None, 'expected equal height and width'),
    ([[1, 0]], [[1, 0]], [[1, 0, 0]], 'map of visible objects'),
    ([[1, 0]], [[255, 255]], None, 'no pixel to score'),
])
def test_frames_that_cannot_be_scored(score, gt, visible, message):
    if visible is not None:
        visible = torch.tensor(visible)
    with pytest.raises(ValueError, match=message):
        score_frame(torch.tensor(score).float(), torch.tensor(gt), visible)


def frame(iou, foreground=0.5, sounding=True, part=None, curve=None):
    curve = None if curve is None else np.array(curve, dtype=np.float32)
    return FrameScore(iou, foreground, sounding, part, curve)


def test_hand_computed_averages():
    frames = [frame(0.5, 0.25, part=True, curve=[0.25, 1, 0]),
              frame(1.0, 0.001, part=False, curve=[0.75, 0, 0.5]),
              frame(0.75, 0.0, sounding=False, part=False),
              frame(0.25, 0.002, part=True, curve=[0.5, 0.5, 0.25])]
    # Just 0.2 % is not blank, and silent frames don't count there.
    assert average_frames(frames) == pytest.approx(
        dict(J=0.625, J_sounding=1.75 / 3, J_part=0.375, foreground=0.253 / 4,
             blank=1 / 3, F=(1 + 0.75 + 0.5) / 3, F_curve=0.5))
    assert average_frames(frames, 0.01)['blank'] == pytest.approx(2 / 3)


def test_no_frame_qualifies():
    scores = average_frames([frame(0.75, 0.25, sounding=False, part=False)])
    assert scores['J'] == 0.75 and scores['foreground'] == 0.25
    for key in ('F', 'F_curve', 'J_sounding', 'J_part', 'blank'):
        assert math.isnan(scores[key])
    assert math.isnan(mean([]))
    assert 'J_part' not in average_frames([frame(1.0, curve=[0, 1])])
    assert 'F' not in average_frames([frame(1.0)])
    with pytest.raises(ValueError, match='1 of 2 frames have a map'):
        average_frames([frame(1.0), frame(1.0, part=True)])
    with pytest.raises(ValueError, match='No frame was scored'):
        average_frames([])


# Two objects, a silent frame, one object that sounds.
GT = torch.tensor([[1, 1, 0, 0], [0, 0, 0, 0], [2, 0, 0, 0]])
VISIBLE = torch.tensor([[1, 1, 3, 0], [1, 0, 0, 0], [2, 0, 0, 0]])


class Dataset:
    """Items as a test pipeline packs them; never raises IndexError."""

    def __len__(self):
        return len(GT)

    def __getitem__(self, i):
        sample = SegDataSample(
            gt_sem_seg=PixelData(data=GT[i % 3][None, None]),
            gt_visible=PixelData(data=VISIBLE[i % 3][None, None]))
        return dict(inputs=dict(), data_samples=sample)


def test_scores_without_a_model():
    scores = reference_scores(Dataset())
    assert scores['everything'] == pytest.approx(
        dict(J=100 * (2 / 3 + 3 / 4 + 1) / 3, J_part=100 * 2 / 3), abs=1e-4)
    assert scores['blank'] == pytest.approx(
        dict(J=100 * (0 + 1 + 0) / 3, J_part=0), abs=1e-4)
    sample = SegDataSample(gt_sem_seg=PixelData(data=GT[:1][None]))
    with pytest.raises(KeyError, match='load_visible=True'):
        reference_scores([dict(inputs=dict(), data_samples=sample)])
