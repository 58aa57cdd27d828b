# Copyright (c) mmteso contributors. All rights reserved.
"""J and F of sounding-object masks, digit for digit as AVSBench has them.

Source of the definitions: ``mask_iou``, ``_eval_pr`` and ``Eval_Fmeasure`` in
``utils/utility.py`` of OpenNLPLab/AVSBench.
"""
import functools
import math
from dataclasses import dataclass
from typing import Dict, Iterable, List, Optional, Sequence, Tuple

import numpy as np
import torch
from torch import Tensor

# Scores are quotients or interpolated probabilities: allow what rounding does
# to them, but nothing that looks like a logit.
SCORE_TOLERANCE = 1e-4


@dataclass(frozen=True)
class FrameScore:
    """All that the averages need to know of one frame, in about 1 KB."""

    #: IoU, or for an empty ground truth the share of pixels predicted
    #: background. In [0, 1], a float32 value.
    iou: float
    foreground: float  #: Share of the pixels predicted sounding, [0, 1].
    sounding: bool  #: Whether the ground truth has a sounding pixel.
    #: Whether only some of the visible objects sound; None: not known.
    part: Optional[bool] = None
    #: F at every threshold, (255, ) float32; None for an empty ground truth,
    #: where F is not defined.
    f_curve: Optional[np.ndarray] = None


# ------------------------------------------------------------------ one frame
def mask_iou(pred: Tensor, gt: Tensor, eps: float = 1e-7) -> Tensor:
    """IoU of two bool masks, a scalar float32 on the CPU: ``inter / (union +
    eps)``; for an empty ground truth the share of pixels predicted background.
    """
    if gt.any():
        inter, union = (pred & gt).sum(), (pred | gt).sum()
    else:
        inter, union = (~pred).sum(), pred.new_tensor(pred.numel(), dtype=int)
    return inter.cpu().float() / (union.cpu().float() + eps)


@functools.cache
def _edges(num_thresholds: int, device: torch.device) -> Tensor:
    """The thresholds, and one that no score reaches."""
    edges = torch.linspace(0, 1 - 1e-10, num_thresholds, dtype=torch.float32)
    return torch.cat([edges, edges.new_tensor([math.inf])]).to(device)


def f_curve(score: Tensor,
            gt: Tensor,
            num_thresholds: int = 255,
            beta2: float = 0.3) -> Tensor:
    """F at every threshold, ``score >= threshold``, in one pass.

    Args:
        score (Tensor): Sounding score in [0, 1], float32, any shape.
        gt (Tensor): Truly sounding pixels, bool, the same shape.
        num_thresholds (int): Number of thresholds, evenly from 0 to the
            reference's ``1 - 1e-10``, which float32 makes 1. Default: 255.
        beta2 (float): Squared weight of recall. Default: 0.3.

    Returns:
        Tensor: (num_thresholds, ) float32 on the CPU. Precision is
        ``tp / (n_pred + 1e-20)``, recall ``tp / (n_gt + 1e-20)``, and 0 / 0
        counts as 0.
    """
    score = score.reshape(-1)
    edges = _edges(num_thresholds, score.device)
    # Each pixel in the bin of the last threshold that it reaches, ties too.
    # The thresholds are nearly even: a score has reached all before the one
    # next to it, and that one if it isn't below.
    reached = (score * (num_thresholds - 1)).add_(0.5).int()
    reached.clamp_(0, num_thresholds)
    reached += score >= edges.index_select(0, reached)
    num_bins = num_thresholds + 1
    counts = torch.bincount(
        reached.add_(gt.reshape(-1), alpha=num_bins),
        minlength=2 * num_bins).reshape(2, num_bins).cpu()
    # Threshold i is passed by bins i + 1 and above.
    below = counts.cumsum(1)
    passed = below[:, -1:] - below[:, :-1]
    tp = passed[1].float()
    precision = tp / (passed.sum(0).float() + 1e-20)
    recall = tp / (below[1, -1].float() + 1e-20)
    # This order of operations is the reference's: it decides the last digit.
    f = (1 + beta2) * precision * recall / (beta2 * precision + recall)
    return torch.nan_to_num_(f, nan=0.0)


def score_frame(score: Tensor,
                gt: Tensor,
                visible: Optional[Tensor] = None,
                threshold: float = 0.5,
                beta2: float = 0.3,
                num_thresholds: int = 255,
                ignore_index: Optional[int] = 255,
                part_min_pixels: int = 1,
                with_f: bool = True) -> FrameScore:
    """Score one frame.

    Args:
        score (Tensor): Sounding score, (H, W) or (1, H, W), in [0, 1], any
            float type (compared in float32, as the reference does).
        gt (Tensor): Ground truth, (H, W) or (1, H, W): 0 background, any
            other class sounding.
        visible (Tensor, optional): All visible objects, sounding or not, of
            the shape of ``gt``: 0 background. Default: None.
        threshold, beta2, num_thresholds, part_min_pixels: See
            :class:`AVSMetric`.
        ignore_index (int, optional): Pixels of ``gt`` and ``visible`` that
            count nowhere (the reference has none). Default: 255.
        with_f (bool): Whether to compute the F curve. Default: True.

    Returns:
        FrameScore: The frame's scores.

    Raises:
        ValueError: If shapes differ, no pixel is valid, or a score is NaN or
            outside [0, 1].
    """
    # (1, H, W) and (H, W) are the same frame, (H, W) and (W, H) are not.
    shapes = [
        tuple(side for side in x.shape if side != 1)
        for x in (score, gt, gt if visible is None else visible)
    ]
    if len(set(shapes)) > 1:
        raise ValueError(
            f'The score has shape {shapes[0]}, the ground truth {shapes[1]} '
            f'and the map of visible objects {shapes[2]}; expected equal '
            "height and width. Scores belong at the ground truth's own size "
            '(ori_shape).')
    part = None
    if visible is not None:
        silent = (visible != 0) & (visible != ignore_index) & (gt == 0)
        part = silent.sum().item() >= part_min_pixels

    score = score.detach().reshape(-1).float()
    gt = gt.detach().to(score.device).reshape(-1)
    if gt.numel():
        low, high = (x.item() for x in score.aminmax())
        # Written so that NaN fails it.
        if not (low >= -SCORE_TOLERANCE and high <= 1 + SCORE_TOLERANCE):
            raise ValueError(
                f'Scores lie in [{low:g}, {high:g}]; expected [0, 1] without '
                'NaN. A head has to write probabilities (softmax, sigmoid or '
                'S_1 / (S_0 + S_1)), not logits; NaN means that the model '
                'diverged.')
    if ignore_index is not None and (gt == ignore_index).any():
        score, gt = score[gt != ignore_index], gt[gt != ignore_index]
    if not gt.numel():
        raise ValueError(
            'The frame has no pixel to score: all of its ground truth is '
            f'ignored (value {ignore_index}). Leave the frame out of the '
            'dataset.')
    gt = gt != 0
    pred = score > threshold
    sounding = bool(gt.any())
    curve = None
    if with_f and sounding:
        curve = f_curve(score, gt, num_thresholds, beta2).numpy()
    return FrameScore(
        iou=mask_iou(pred, gt).item(),
        foreground=pred.sum().item() / pred.numel(),
        sounding=sounding,
        part=None if part is None else part and sounding,
        f_curve=curve)


# ----------------------------------------------------------------- a test set
def mean(values: Iterable[float]) -> float:
    """The exactly rounded sum divided by the count, whatever the order; NaN
    for no values, because an average over no frames is not a score of 0."""
    values = [float(v) for v in values]
    return math.fsum(values) / len(values) if values else math.nan


def average_frames(frames: Sequence[FrameScore],
                   blank_share: float = 0.002) -> Dict[str, float]:
    """Average over frames, at least one, each weighing the same, whatever
    their order.

    Gives the results of :class:`AVSMetric`, in its order, as fractions in [0,
    1]; NaN where no frame qualifies. Without ``J_part`` if the visible objects
    are not known, without ``F`` and ``F_curve`` if the frames carry no curves.
    A frame with a share of its pixels predicted below ``blank_share`` is
    blank. A ValueError if there are no frames, or only some of them know the
    visible objects.
    """
    if not frames:
        raise ValueError('No frame was scored; expected at least one.')
    known = [frame.part is not None for frame in frames]
    if any(known) and not all(known):
        raise ValueError(
            f'{sum(known)} of {len(frames)} frames have a map of the visible '
            'objects (gt_visible); expected all or none, because J_part over '
            'some of the frames is not comparable. Load it for the whole '
            'dataset, or set load_visible=False.')

    sounding = [frame for frame in frames if frame.sounding]
    scores = dict(J=mean(frame.iou for frame in frames))
    if all(frame.f_curve is not None for frame in sounding):
        curves = [frame.f_curve for frame in sounding]
        scores['F'] = mean(curve.max() for curve in curves)
        # One list of all frames' values per threshold.
        by_threshold = np.stack(curves, 1).tolist() if curves else []
        scores['F_curve'] = max(map(mean, by_threshold), default=math.nan)
    scores['J_sounding'] = mean(frame.iou for frame in sounding)
    if all(known):
        scores['J_part'] = mean(frame.iou for frame in frames if frame.part)
    return dict(
        scores,
        foreground=mean(frame.foreground for frame in frames),
        blank=mean(frame.foreground < blank_share for frame in sounding))


def average_avsbench(frames: Sequence[FrameScore],
                     group_size: int) -> Tuple[float, float]:
    """J and F as AVSBench's test scripts print them, digit for digit, as
    fractions in [0, 1].

    The scripts average within a batch and then over batches, so the result
    depends on the batch: a last, smaller batch weighs as much as the others, F
    takes its maximum over a curve that is averaged over the non-empty frames
    of the batch (so it rises as batches shrink), and a batch whose ground
    truth is all empty adds 0 to F. All sums are in float32, in the frames'
    order, except that F is summed over batches in float64; a run of the
    scripts on a GPU can still differ from them in the last digit.

    ``frames``, at least one, have F curves and are in the order of the
    dataset; ``group_size`` is the number in a batch: the scripts'
    ``test_batch_size`` (in videos) times the frames of a video.
    """
    starts = range(0, len(frames), group_size)
    j_sum, f_sum = torch.zeros(()), 0.0
    for start in starts:
        group = frames[start:start + group_size]
        j_sum += torch.sum(torch.tensor([f.iou for f in group])) / len(group)
        curves = [torch.from_numpy(f.f_curve) for f in group if f.sounding]
        if curves:
            curve_sum = torch.zeros_like(curves[0])
            for curve in curves:
                curve_sum += curve
            f_sum += (curve_sum / len(curves)).max().item()
    return (j_sum / len(starts)).item(), f_sum / len(starts)


def reference_scores(frames: Sequence[dict],
                     ignore_index: int = 255) -> Dict[str, Dict[str, float]]:
    """J and J_part, in percent, of 'everything' visible and of all 'blank',
    which need no model.

    Segmenting whatever is visible already scores high where most visible
    objects sound, and a blank mask scores the share of silent frames. The
    frames are a data set, or items of one, whose ``data_samples`` have
    ``gt_sem_seg`` and ``gt_visible`` (else a KeyError); pixels of
    ``ignore_index`` are left out. ``J_part`` is NaN if no frame qualifies.
    """
    rows: Dict[str, List[FrameScore]] = dict(everything=[], blank=[])
    # not every wrapper of data sets raises an IndexError at its end
    for index in range(len(frames)):
        sample = frames[index]['data_samples']
        if 'gt_sem_seg' not in sample or 'gt_visible' not in sample:
            raise KeyError(
                'The data sample has no gt_sem_seg or no gt_visible; expected '
                'a test pipeline with LoadAVSAnnotations(load_visible=True) '
                'and PackAVTInputs.')
        gt, visible = sample.gt_sem_seg.data, sample.gt_visible.data
        seen = ((visible != 0) & (visible != ignore_index)).float()
        for name, score in (('everything', seen), ('blank', 0 * seen)):
            rows[name].append(
                score_frame(
                    score, gt, visible, ignore_index=ignore_index,
                    with_f=False))
    averages = {name: average_frames(scored) for name, scored in rows.items()}
    return {
        name: {key: 100 * scores[key]
               for key in ('J', 'J_part')}
        for name, scores in averages.items()
    }
