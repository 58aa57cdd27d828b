# Copyright (c) mmteso contributors. All rights reserved.
import pickle

import pytest
import torch

from mmteso.evaluation.functional import (f_measure, f_thresholds, mask_iou,
                                          precision_recall_curve, score_frame,
                                          select_pixels)


def test_thresholds():
    thresholds = f_thresholds()
    assert thresholds.shape == (255, ) and thresholds.dtype == torch.float32
    assert thresholds[0] == 0 and thresholds[-1] == 1
    assert (thresholds.diff() > 0).all()
    assert torch.equal(f_thresholds(3), torch.tensor([0, 0.5, 1]))


def test_hand_computed_frame():
    score = torch.tensor([[0.9, 0.6], [0.5, 0.1]])
    gt = torch.tensor([[1, 0], [1, 0]])
    frame = score_frame(score, gt)
    # 0.5 is not above 0.5: predicted are 0.9 and 0.6, 1 of 3 in the union.
    assert frame.iou == pytest.approx(1 / 3)
    assert frame.foreground == 0.5
    assert frame.sounding and frame.part is None
    # At threshold 0 everything is predicted: P = 1/2, R = 1.
    assert frame.f_curve[0] == pytest.approx(1.3 * 0.5 / (0.3 * 0.5 + 1))
    # At 127/254 the pixel of 0.5 is reached: P = 2/3, R = 1.
    assert frame.f_curve[127] == pytest.approx(1.3 * 2 / 3 / (0.2 + 1))
    # Above 0.6 only 0.9 is left: P = 1, R = 1/2.
    assert frame.f_curve[200] == pytest.approx(1.3 * 0.5 / (0.3 + 0.5))
    assert frame.f_curve[254] == 0
    assert frame.f_curve.max() == frame.f_curve[200]


def test_threshold_is_an_argument_and_strict():
    score, gt = torch.tensor([[0.45, 0.2]]), torch.tensor([[1, 0]])
    assert score_frame(score, gt).iou == 0
    assert score_frame(score, gt, threshold=0.4).foreground == 0.5
    assert score_frame(score, gt, threshold=0.45).foreground == 0


@pytest.mark.parametrize('pred, gt, expected', [
    ([0, 0, 0, 0], [0, 0, 0, 0], 1),
    ([1, 0, 0, 0], [0, 0, 0, 0], 0.75),
    ([1, 1, 1, 1], [0, 0, 0, 0], 0),
    ([0, 0, 0, 0], [1, 1, 0, 0], 0),
    ([1, 1, 0, 0], [1, 1, 0, 0], 1),
    ([1, 1, 0, 0], [0, 1, 1, 0], 1 / 3),
])
def test_mask_iou(pred, gt, expected):
    iou = mask_iou(torch.tensor(pred).bool(), torch.tensor(gt).bool())
    assert iou.dtype == torch.float32 and iou.shape == ()
    assert iou.item() == pytest.approx(expected, abs=1e-6)


def test_blank_prediction_has_the_floor_of_threshold_zero():
    gt = torch.zeros(10, 10)
    gt[:2] = 1
    curve = score_frame(torch.zeros(10, 10), gt).f_curve
    assert curve.max() == curve[0] == pytest.approx(
        1.3 * 0.2 / (0.3 * 0.2 + 1))
    assert (curve[1:] == 0).all()


def test_precision_recall_counts_ties():
    score = torch.tensor([0.5, 0.5, 0.5, 0.25])
    gt = torch.tensor([True, False, True, True])
    prec, rec = precision_recall_curve(score, gt, num_thresholds=3)
    assert prec.tolist() == pytest.approx([0.75, 2 / 3, 0])
    assert rec.tolist() == pytest.approx([1, 2 / 3, 0])


def test_f_measure_counts_nan_as_zero():
    f = f_measure(torch.tensor([0., 1.]), torch.tensor([0., 1.]))
    assert f.tolist() == pytest.approx([0, 1])


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


def test_leading_dimension_and_any_float_type():
    g = torch.Generator().manual_seed(0)
    score = torch.rand(8, 8, generator=g).bfloat16()
    gt = torch.randint(0, 3, (8, 8), generator=g)
    flat = score_frame(score.float(), gt)
    for other in (score, score.double(), score.half().bfloat16()):
        frame = score_frame(other[None], gt[None].byte())
        assert frame.iou == flat.iou
        assert (frame.f_curve == flat.f_curve).all()


def test_gathers_small():
    frame = score_frame(torch.rand(300, 300), torch.ones(300, 300))
    assert len(pickle.dumps(frame, protocol=2)) < 4000


@pytest.mark.parametrize('bad', [float('nan'), 1.01, -0.01, float('inf')])
def test_scores_that_are_no_probabilities(bad):
    score = torch.full((2, 3), 0.5)
    score[1, 1] = bad
    with pytest.raises(ValueError, match=r'expected \[0, 1\] without NaN'):
        select_pixels(score, torch.ones(2, 3))


def test_rounding_beyond_one_is_fine():
    score = torch.tensor([1 + 1e-6, 1, -1e-7, 0.3])
    assert score_frame(score, torch.tensor([1, 1, 0, 0])).iou == 1


@pytest.mark.parametrize('shape', [(3, 2), (2, 4), (6, ), (2, 2, 3)])
def test_sizes_that_differ(shape):
    with pytest.raises(ValueError, match='expected equal height and width'):
        select_pixels(torch.rand(shape), torch.ones(2, 3))


def test_visible_of_another_size():
    with pytest.raises(ValueError, match='shape of the ground truth'):
        score_frame(torch.rand(2, 3), torch.ones(2, 3), torch.ones(3, 3))


def test_nothing_but_ignored_pixels():
    with pytest.raises(ValueError, match='no pixel to score'):
        select_pixels(torch.rand(2, 3), torch.full((2, 3), 255))
