# Copyright (c) mmteso contributors. All rights reserved.
"""Per-class IoU and F of semantic masks (AVSS), as AVSBench defines them.

Source of the definitions: ``_batch_miou_fscore`` in
``avss/utils/compute_color_metrics.py`` and ``avss/test.py`` of
OpenNLPLab/AVSBench. The reference sums in float32, batch by batch; here all
sums are float64, so figures agree to about 6 digits, not to the last.
"""
from dataclasses import dataclass
from typing import Dict, Iterable, Tuple

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class ClassCounts:
    """Pixel counts of one frame for the classes in it, all (K, ) int32."""

    classes: np.ndarray  #: In prediction or ground truth, ascending.
    inter: np.ndarray  #: Pixels of each in both.
    pred: np.ndarray  #: Pixels of each in the prediction.
    gt: np.ndarray  #: Pixels of each in the truth.


def count_classes(pred: Tensor,
                  gt: Tensor,
                  num_classes: int,
                  ignore_index: int = 255) -> ClassCounts:
    """Count one frame's pixels per class.

    Args:
        pred (Tensor): Predicted classes, any shape, integer.
        gt (Tensor): True classes, the same shape, integer.
        num_classes (int): Number of classes C, background included.
        ignore_index (int): Value of ``gt`` whose pixels are left out (the
            reference has none). Default: 255.

    Returns:
        ClassCounts: On the CPU; no classes if all of ``gt`` is ignored. A
        ValueError if shapes differ or a class is not in [0, C).
    """
    if tuple(d for d in pred.shape if d != 1) != tuple(
            d for d in gt.shape if d != 1):
        raise ValueError(
            f'The prediction has shape {tuple(pred.shape)}, the ground truth '
            f'{tuple(gt.shape)}; expected equal height and width.')
    pred = pred.detach().reshape(-1).long()
    gt = gt.detach().to(pred.device).reshape(-1).long()
    valid = gt != ignore_index
    pred, gt = pred[valid], gt[valid]
    for name, label in (('prediction', pred), ('ground truth', gt)):
        if label.numel() and not (label.min() >= 0
                                  and label.max() < num_classes):
            raise ValueError(
                f'The {name} has classes from {label.min().item()} to '
                f'{label.max().item()}; expected 0 to {num_classes - 1} (or '
                f'{ignore_index} to ignore). Compare the class lists of model '
                'and dataset.')
    inter, n_pred, n_gt = (
        torch.bincount(label, minlength=num_classes).cpu().numpy()
        for label in (gt[pred == gt], pred, gt))
    classes = np.flatnonzero(n_pred + n_gt)
    return ClassCounts(*(x.astype(np.int32) for x in (
        classes, inter[classes], n_pred[classes], n_gt[classes])))


def average_classes(frames: Iterable[ClassCounts],
                    num_classes: int,
                    beta2: float = 0.3,
                    num_padded: int = 0) -> Dict[str, np.ndarray]:
    """Average IoU and F, whose squared weight of recall is ``beta2``, of each
    of C classes over the frames in which it occurs.

    ``num_padded`` further frames are background in truth and prediction, so
    perfect: the reference's padding of short clips, whose outputs it
    multiplies by 0.

    Gives ``IoU`` and ``F``, (C, ) float64 in [0, 1], NaN for classes that
    occur in no frame, and ``frames``, (C, ) int64, the number of frames in
    which the class occurs.
    """
    sums = np.zeros((2, num_classes))
    occurs = np.zeros(num_classes, dtype=np.int64)
    for counts in frames:
        inter = counts.inter.astype(np.float64)
        iou = inter / (counts.pred + counts.gt - inter)
        # (1 + b) P R / (b P + R), multiplied out so that nothing divides by 0;
        # 0 where precision or recall is 0 or undefined (NaN in the reference)
        f = (1 + beta2) * inter / (counts.pred + beta2 * counts.gt)
        sums[:, counts.classes] += iou, f
        occurs[counts.classes] += 1
    sums[:, 0] += num_padded
    occurs[0] += num_padded
    with np.errstate(invalid='ignore'):
        iou, f = sums / occurs
    return dict(IoU=iou, F=f, frames=occurs)


def mean_over_classes(values: np.ndarray,
                      protocol: str = 'occurring') -> Tuple[float, float]:
    """Average per-class values (C, ), background first, over the classes, with
    and without background; NaN if there is no class to average over.

    Of values that are NaN, for classes that never occurred, 'occurring' takes
    no notice, and leaves out class 0 for the figure without background.
    'avsbench' counts classes that never occur as 0, and drops the *last*
    class, not background, for the figure without background.
    """
    if protocol == 'avsbench':
        values = np.nan_to_num(values, nan=0.0)
        without = values[:-1]
    else:
        without = values[1:][~np.isnan(values[1:])]
        values = values[~np.isnan(values)]
    return tuple(
        float(x.mean()) if x.size else float('nan') for x in (values, without))
