# Copyright (c) mmteso contributors. All rights reserved.
"""J and F of one frame's sounding-object mask, as AVSBench defines them.

All functions work on one frame and only count pixels, so they take tensors of
any (equal) shape. Counting happens on the tensors' own device; the few
divisions that follow are done in float32 on the CPU, as the reference code
does them, so results do not depend on the device.

Source of the definitions: ``mask_iou``, ``_eval_pr`` and ``Eval_Fmeasure`` in
``utils/utility.py`` of OpenNLPLab/AVSBench.
"""
from dataclasses import dataclass
from typing import Optional, Tuple

import numpy as np
import torch
from torch import Tensor

# Scores are quotients or interpolated probabilities: allow what rounding does
# to them, but nothing that looks like a logit.
SCORE_TOLERANCE = 1e-4


@dataclass(frozen=True)
class FrameScore:
    """Everything that the averages need to know of one frame.

    A few scalars and, where the ground truth is not empty, 255 floats (about
    1 KB), because mmengine gathers these from all processes.

    Attributes:
        iou (float): IoU, or for an empty ground truth the share of pixels
            predicted background. In [0, 1], a float32 value.
        foreground (float): Share of the pixels predicted sounding, [0, 1].
        sounding (bool): Whether the ground truth has a sounding pixel.
        part (bool, optional): Whether only some of the visible objects sound;
            None if the visible objects are not known.
        f_curve (np.ndarray, optional): F at every threshold, (255, ) float32;
            None for an empty ground truth, where F is not defined.
    """

    iou: float
    foreground: float
    sounding: bool
    part: Optional[bool] = None
    f_curve: Optional[np.ndarray] = None


def f_thresholds(num_thresholds: int = 255) -> Tensor:
    """The thresholds of the F curve.

    Args:
        num_thresholds (int): Their number. Default: 255.

    Returns:
        Tensor: (num_thresholds, ) float32, ascending from 0. In float32 the
        reference's end point ``1 - 1e-10`` is exactly 1.
    """
    return torch.linspace(0, 1 - 1e-10, num_thresholds, dtype=torch.float32)


def select_pixels(score: Tensor,
                  gt: Tensor,
                  ignore_index: Optional[int] = 255) -> Tuple[Tensor, Tensor]:
    """Check a frame's score and ground truth and drop the ignored pixels.

    The reference has no ignored pixels in binary masks. Here they count
    nowhere: neither in IoU and F, nor in the number of pixels that an empty
    ground truth divides by.

    Args:
        score (Tensor): Sounding score in [0, 1], any shape, any float type
            (compared in float32, as the reference does).
        gt (Tensor): Ground truth of the same number of pixels, 0 background,
            anything else sounding (so a semantic map is binarised).
        ignore_index (int, optional): Value of ``gt`` to leave out; None
            leaves nothing out. Default: 255.

    Returns:
        tuple[Tensor, Tensor]: Score (P, ) float32 and ground truth (P, ) bool
        of the P valid pixels.

    Raises:
        ValueError: If shapes differ, no pixel is valid, or a score is NaN or
            outside [0, 1].
    """
    # (1, H, W) and (H, W) are the same frame, (H, W) and (W, H) are not.
    if tuple(d for d in score.shape if d != 1) != tuple(
            d for d in gt.shape if d != 1):
        raise ValueError(
            f'The score has shape {tuple(score.shape)}, the ground truth '
            f'{tuple(gt.shape)}; expected equal height and width. Scores '
            "belong at the ground truth's own size (ori_shape).")
    score = score.detach().reshape(-1).float()
    gt = gt.detach().to(score.device).reshape(-1)
    if gt.numel() > 0:
        low, high = (x.item() for x in score.aminmax())
        # Written so that NaN fails it.
        if not (low >= -SCORE_TOLERANCE and high <= 1 + SCORE_TOLERANCE):
            raise ValueError(
                f'Scores lie in [{low:g}, {high:g}]; expected [0, 1] without '
                'NaN. A head has to write probabilities (softmax, sigmoid or '
                'S_1 / (S_0 + S_1)), not logits; NaN means that the model '
                'diverged.')
    if ignore_index is not None:
        valid = gt != ignore_index
        if not valid.all():
            score, gt = score[valid], gt[valid]
    if gt.numel() == 0:
        raise ValueError(
            'The frame has no pixel to score: all of its ground truth is '
            f'ignored (value {ignore_index}). Leave the frame out of the '
            'dataset.')
    return score, gt != 0


def mask_iou(pred: Tensor, gt: Tensor, eps: float = 1e-7) -> Tensor:
    """IoU of one frame with AVSBench's convention for empty masks.

    Args:
        pred (Tensor): Predicted sounding pixels, bool, any shape.
        gt (Tensor): Truly sounding pixels, bool, the same shape.
        eps (float): Added to the union, as the reference does. In float32 it
            changes a union of 1 pixel only. Default: 1e-7.

    Returns:
        Tensor: Scalar float32 on the CPU: ``inter / (union + eps)``; for an
        empty ground truth the share of pixels predicted background.
    """
    if gt.any():
        inter, union = (pred & gt).sum(), (pred | gt).sum()
    else:
        inter, union = (~pred).sum(), pred.new_tensor(pred.numel(), dtype=int)
    return inter.cpu().float() / (union.cpu().float() + eps)


def precision_recall_curve(
        score: Tensor,
        gt: Tensor,
        num_thresholds: int = 255) -> Tuple[Tensor, Tensor]:
    """Precision and recall at every threshold, in one pass.

    A pixel is positive at a threshold if ``score >= threshold``. Each pixel
    is put into the bin of the last threshold it reaches; sums over the bins
    from above are then the counts at every threshold.

    Args:
        score (Tensor): Sounding score in [0, 1], float32, any shape.
        gt (Tensor): Truly sounding pixels, bool, the same shape.
        num_thresholds (int): See :func:`f_thresholds`. Default: 255.

    Returns:
        tuple[Tensor, Tensor]: Precision ``tp / (n_pred + 1e-20)`` and recall
        ``tp / (n_gt + 1e-20)``, each (num_thresholds, ) float32 on the CPU.
    """
    thresholds = f_thresholds(num_thresholds).to(score.device)
    # right=True: the number of thresholds <= score, so ties are reached.
    reached = torch.searchsorted(
        thresholds, score.reshape(-1), right=True, out_int32=True)
    num_bins = num_thresholds + 1
    counts = torch.bincount(
        reached + num_bins * gt.reshape(-1).int(),
        minlength=2 * num_bins).reshape(2, num_bins).cpu()
    # Threshold i is passed by bins i + 1 and above.
    passed = counts.flip(1).cumsum(1).flip(1)[:, 1:]
    tp = passed[1].float()
    n_pred = passed.sum(0).float()
    n_gt = counts[1].sum().float()
    return tp / (n_pred + 1e-20), tp / (n_gt + 1e-20)


def f_measure(precision: Tensor,
              recall: Tensor,
              beta2: float = 0.3) -> Tensor:
    """F measure from precision and recall, NaN (0 / 0) counting as 0.

    Args:
        precision (Tensor): Precision in [0, 1], any shape.
        recall (Tensor): Recall in [0, 1], the same shape.
        beta2 (float): Squared weight of recall. Default: 0.3.

    Returns:
        Tensor: F of the inputs' shape and type.
    """
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
        score (Tensor): Sounding score, (H, W) or (1, H, W), in [0, 1].
        gt (Tensor): Ground truth, (H, W) or (1, H, W): 0 background, any
            other class sounding.
        visible (Tensor, optional): All visible objects, sounding or not, of
            the shape of ``gt``: 0 background. Default: None.
        threshold (float): A pixel is predicted sounding if its score is
            strictly greater. Default: 0.5.
        beta2 (float): Squared weight of recall in F. Default: 0.3.
        num_thresholds (int): Number of thresholds of F. Default: 255.
        ignore_index (int, optional): Pixels of ``gt`` and ``visible`` to
            leave out. Default: 255.
        part_min_pixels (int): From how many visible pixels outside the ground
            truth on some visible object counts as silent. Default: 1.
        with_f (bool): Whether to compute the F curve. Default: True.

    Returns:
        FrameScore: The frame's scores.

    Raises:
        ValueError: See :func:`select_pixels`.
    """
    part = None
    if visible is not None:
        if visible.shape != gt.shape:
            raise ValueError(
                f'The map of visible objects has shape '
                f'{tuple(visible.shape)}; expected the shape of the ground '
                f'truth, {tuple(gt.shape)}.')
        silent = (visible != 0) & (gt == 0)
        if ignore_index is not None:
            silent &= visible != ignore_index
        part = silent.sum().item() >= part_min_pixels

    score, gt = select_pixels(score, gt, ignore_index)
    pred = score > threshold
    sounding = bool(gt.any())
    curve = None
    if with_f and sounding:
        curve = f_measure(
            *precision_recall_curve(score, gt, num_thresholds),
            beta2=beta2).numpy()
    return FrameScore(
        iou=mask_iou(pred, gt).item(),
        foreground=pred.sum().item() / pred.numel(),
        sounding=sounding,
        part=None if part is None else part and sounding,
        f_curve=curve)
