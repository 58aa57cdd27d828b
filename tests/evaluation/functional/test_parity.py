# Copyright (c) mmteso contributors. All rights reserved.
"""Parity with AVSBench's definitions, written out slowly and literally."""
import pytest
import torch

from mmteso.evaluation.functional import (average_avsbench, average_frames,
                                          f_thresholds, score_frame)

KINDS = ('random', 'empty', 'full', 'blank', 'all_predicted', 'perfect',
         'inverted', 'binary', 'ties', 'on_thresholds', 'near_thresholds',
         'one_pixel', 'box', 'constant', 'half_half', 'sharp')


def literal_iou(score, gt):
    """J of one frame, in float32."""
    pred = (score > 0.5).float()
    if gt.sum() == 0:
        inter = ((1 - gt) * (1 - pred)).sum()
        union = torch.tensor(float(gt.numel()))
    else:
        inter = (pred * gt).sum()
        union = torch.max(pred, gt).sum()
    return inter / (union + 1e-7)


def literal_curve(score, gt):
    """F per threshold: compare with each, no sorting, no bins."""
    thresholds = torch.linspace(0, 1 - 1e-10, 255)[:, None, None]
    pred = (score >= thresholds).float()
    tp = (pred * gt).sum((1, 2))
    prec = tp / (pred.sum((1, 2)) + 1e-20)
    rec = tp / (gt.sum() + 1e-20)
    f = (1 + 0.3) * prec * rec / (0.3 * prec + rec)
    f[torch.isnan(f)] = 0
    return f


def literal_frame(score, gt):
    """J, and the curve of F or None for an empty ground truth."""
    return (literal_iou(score, gt),
            None if gt.mean() == 0 else literal_curve(score, gt))


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
    thresholds = f_thresholds()
    on = thresholds[torch.randint(0, 255, (h, w), generator=g)]
    if kind == 'empty':
        gt.zero_()
    elif kind == 'full':
        gt.fill_(1)
    elif kind == 'blank':
        score.zero_()
    elif kind == 'all_predicted':
        score.fill_(1)
    elif kind == 'perfect':
        score = gt.clone()
    elif kind == 'inverted':
        score = 1 - gt
    elif kind == 'binary':
        score = (score > 0.3).float()
    elif kind == 'ties':
        score = (score * 4).round() / 4
    elif kind == 'on_thresholds':
        score = on
    elif kind == 'near_thresholds':
        toward = (torch.rand(h, w, generator=g) > 0.5).float()
        score = torch.nextafter(on, toward)
    elif kind == 'one_pixel':
        score, gt = score[:1, :1], gt[:1, :1]
    elif kind == 'box':
        gt.zero_()
        gt[:h // 2 + 1, :w // 2 + 1] = 1
        score = (0.3 * score + 0.6 * gt)
    elif kind == 'constant':
        score.fill_(score[0, 0].item())
    elif kind == 'half_half':
        score.fill_(0.5)
    elif kind == 'sharp':
        score = torch.sigmoid(40 * (score - 0.5))
    return score, gt


@pytest.fixture(scope='module')
def frames():
    return [make_frame(seed) for seed in range(1280)]


@pytest.fixture(scope='module')
def literals(frames):
    return [literal_frame(*frame) for frame in frames]


@pytest.fixture(scope='module')
def scored(frames):
    return [score_frame(score, gt.long()) for score, gt in frames]


def test_every_frame_digit_for_digit(scored, literals):
    nonempty, worst = 0, 0.0
    for got, (iou, curve) in zip(scored, literals):
        assert got.sounding == (curve is not None)
        worst = max(worst, abs(got.iou - iou.item()))
        if got.sounding:
            nonempty += 1
            difference = torch.from_numpy(got.f_curve) - curve
            worst = max(worst, difference.abs().max().item())
        else:
            assert got.f_curve is None
    print(f'\nparity: {len(scored)} frames ({len(scored) - nonempty} with an '
          f'empty ground truth) of {len(KINDS)} kinds; largest difference of '
          f'J, and of F at any of 255 thresholds: {worst}')
    assert worst == 0
    assert nonempty > 1000 and len(scored) - nonempty > 100


@pytest.mark.parametrize('kind', KINDS)
def test_ignored_pixels_are_as_if_absent(frames, kind):
    """Pixels of value 255 change nothing, whatever is predicted there."""
    score, gt = frames[160 + KINDS.index(kind)]
    g = torch.Generator().manual_seed(0)
    wide = torch.cat([score, torch.rand(7, score.shape[1], generator=g)])
    wide_gt = torch.cat([gt.long(), torch.full((7, gt.shape[1]), 255)])
    got, expected = score_frame(wide, wide_gt), score_frame(score, gt)
    assert (got.iou, got.foreground) == (expected.iou, expected.foreground)
    if expected.sounding:
        assert (got.f_curve == expected.f_curve).all()
    # And without the option 255 is a class like any other.
    assert score_frame(wide, wide_gt, ignore_index=None).sounding


@pytest.mark.parametrize('batch', [1, 2, 3, 5, 7, 20, 64, 1280])
def test_batches_digit_for_digit(scored, literals, batch):
    for num in (1280, 1279, 641, 3):
        assert average_avsbench(scored[:num], batch) == literal_test_script(
            literals[:num], batch)


def test_all_empty_batch_adds_zero_and_last_batch_weighs_the_same():
    score = torch.tensor([[0.9, 0.1], [0.9, 0.1]])
    gt = torch.tensor([[1., 0.], [1., 0.]])
    empty = torch.zeros(2, 2)
    # Batches (perfect, perfect), (empty, empty), (empty): J of an empty
    # frame is the share of pixels predicted background, 0.5.
    frames = [(score, gt)] * 2 + [(score, empty)] * 3
    got = average_avsbench([score_frame(*f) for f in frames], 2)
    assert got == literal_test_script([literal_frame(*f) for f in frames], 2)
    assert got == pytest.approx(((1 + 0.5 + 0.5) / 3, 1 / 3), abs=1e-7)
    assert average_avsbench([score_frame(score, empty)], 4) == (0.5, 0.0)


def test_one_batch_of_all_is_the_default_but_for_rounding(scored):
    default = average_frames(scored)
    j, f = average_avsbench(scored, len(scored))
    assert j == pytest.approx(default['J'], abs=1e-6)
    assert f == pytest.approx(default['F_curve'], abs=1e-6)


def test_f_rises_as_batches_shrink():
    """Why F needs its batch beside it."""
    g = torch.Generator().manual_seed(0)
    gt = torch.zeros(8, 8)
    gt[:3, :3] = 1
    # Each frame is separable, at a threshold of its own.
    frames = [
        score_frame(0.2 * gt + 0.8 * torch.rand(1, generator=g), gt)
        for _ in range(64)
    ]
    f = [average_avsbench(frames, n)[1] for n in (1, 4, 16, 64)]
    assert f[0] == pytest.approx(1) and f[0] > f[1] > f[2] > f[3]
    assert f[0] - f[3] > 0.3
    assert f[0] == pytest.approx(average_frames(frames)['F'], abs=1e-6)
