# Copyright (c) mmteso contributors. All rights reserved.
"""From scores of frames to scores of a test set."""
import math
from typing import Dict, Iterable, List, Sequence, Tuple

import numpy as np
import torch

from .foreground import FrameScore


def mean(values: Iterable[float]) -> float:
    """Mean that does not depend on the order of the values.

    Args:
        values (Iterable[float]): Numbers.

    Returns:
        float: The exactly rounded sum divided by the count; NaN for no
        values, because an average over no frames is not a score of 0.
    """
    values = [float(v) for v in values]
    return math.fsum(values) / len(values) if values else math.nan


def average_frames(frames: Sequence[FrameScore],
                   blank_share: float = 0.002) -> Dict[str, float]:
    """Average over frames, each frame weighing the same.

    Independent, to the last digit, of the frames' order and so of batch size
    and number of processes.

    Args:
        frames (Sequence[FrameScore]): Scores of at least one frame.
        blank_share (float): A frame with a smaller share of its pixels
            predicted is blank. Default: 0.002.

    Returns:
        dict[str, float]: Fractions in [0, 1]; NaN where no frame qualifies:

        - ``J``: IoU over all frames.
        - ``J_sounding``: IoU over frames with a non-empty ground truth.
        - ``J_part``: IoU over frames where only some of the visible objects
          sound; only if the visible objects are known.
        - ``F``: each frame's maximum over the thresholds, averaged over
          frames with a non-empty ground truth.
        - ``F_curve``: F at each threshold averaged over the same frames, then
          the maximum: one threshold for the whole set. Never above ``F``.
        - ``foreground``: share of pixels predicted sounding.
        - ``blank``: share of the frames with a non-empty ground truth that
          the prediction leaves (almost) blank.

        ``F`` and ``F_curve`` are left out if the frames carry no curves.

    Raises:
        ValueError: If there are no frames, or only some of them know the
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
    scores = dict(
        J=mean(frame.iou for frame in frames),
        J_sounding=mean(frame.iou for frame in sounding),
        foreground=mean(frame.foreground for frame in frames),
        blank=mean(frame.foreground < blank_share for frame in sounding))
    if all(known):
        scores['J_part'] = mean(frame.iou for frame in frames if frame.part)
    if all(frame.f_curve is not None for frame in sounding):
        curves = [frame.f_curve for frame in sounding]
        scores['F'] = mean(curve.max() for curve in curves)
        # One list of all frames' values per threshold.
        by_threshold = np.stack(curves, 1).tolist() if curves else []
        scores['F_curve'] = max(map(mean, by_threshold), default=math.nan)
    return scores


def average_avsbench(frames: Sequence[FrameScore],
                     group_size: int) -> Tuple[float, float]:
    """J and F as AVSBench's test scripts print them, digit for digit.

    The scripts average within a batch and then over batches, so the result
    depends on the batch: a last, smaller batch weighs as much as the others,
    F takes its maximum over a curve that is averaged over the non-empty
    frames of the batch (so it rises as batches shrink), and a batch whose
    ground truth is all empty adds 0 to F. All sums are in float32, in the
    frames' order, except that F is summed over batches in float64; a run of
    the scripts on a GPU can still differ from them in the last digit.

    Args:
        frames (Sequence[FrameScore]): Scores with F curves of at least one
            frame, in the order of the dataset.
        group_size (int): Frames per batch: the scripts' ``test_batch_size``
            (in videos) times the frames of a video. The released S4 and MS3
            scripts default to 1 video of 5 frames, so 5.

    Returns:
        tuple[float, float]: J and F as fractions in [0, 1].

    Raises:
        ValueError: If there are no frames or ``group_size`` is below 1.
    """
    if not frames:
        raise ValueError('No frame was scored; expected at least one.')
    if group_size < 1:
        raise ValueError(
            f'group_size is {group_size}; expected the number of frames in a '
            'batch of the reference, at least 1.')
    groups: List[Sequence[FrameScore]] = [
        frames[start:start + group_size]
        for start in range(0, len(frames), group_size)
    ]
    j_sum, f_sum = torch.zeros(()), 0.0
    for group in groups:
        ious = torch.tensor([frame.iou for frame in group])
        j_sum += torch.sum(ious) / len(group)

        curves = [
            torch.from_numpy(frame.f_curve) for frame in group
            if frame.sounding
        ]
        if curves:
            curve_sum = torch.zeros_like(curves[0])
            for curve in curves:
                curve_sum += curve
            f_sum += (curve_sum / len(curves)).max().item()
    return (j_sum / len(groups)).item(), f_sum / len(groups)
