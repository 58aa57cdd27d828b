# Copyright (c) mmteso contributors. All rights reserved.
"""Scores of predictions that need no model, to read a model's J against."""
from typing import Any, Dict, Iterable, List, Tuple

import numpy as np
import torch
from torch import Tensor

from .averages import average_frames
from .foreground import FrameScore, score_frame


def _gt_and_visible(item: Any) -> Tuple[Tensor, Tensor]:
    """Take ground truth and visible objects from a dataset's item."""
    if isinstance(item, dict):
        sample = item['data_samples']
        for key in ('gt_sem_seg', 'gt_visible'):
            if key not in sample:
                raise KeyError(
                    f'The data sample has no {key!r}; expected a test '
                    'pipeline with LoadAVSAnnotations(load_visible=True) and '
                    'PackAVTInputs.')
        item = sample.gt_sem_seg.data, sample.gt_visible.data
    gt, visible = item
    return (torch.as_tensor(np.asarray(gt)),
            torch.as_tensor(np.asarray(visible)))


def reference_scores(frames: Iterable[Any],
                     threshold: float = 0.5,
                     ignore_index: int = 255,
                     part_min_pixels: int = 1) -> Dict[str, Dict[str, float]]:
    """J of "everything visible" and of "all blank".

    Segmenting whatever is visible already scores high where most visible
    objects sound, and a blank mask scores the share of silent frames. Both
    are scored by the functions that score a model.

    Args:
        frames (Iterable): Either pairs of ground truth and map of the visible
            objects, (H, W) or (1, H, W) integer tensors or arrays, 0
            background; or a dataset whose items have ``data_samples`` with
            ``gt_sem_seg`` and ``gt_visible``.
        threshold (float): As in :func:`score_frame`. Default: 0.5.
        ignore_index (int): As in :func:`score_frame`. Default: 255.
        part_min_pixels (int): As in :func:`score_frame`. Default: 1.

    Returns:
        dict[str, dict[str, float]]: For 'everything' and 'blank' the ``J``
        and ``J_part`` in percent; ``J_part`` is NaN if no frame qualifies.

    Raises:
        KeyError: If a dataset's items lack ground truth or visible objects.
        ValueError: If there are no frames or a frame can't be scored.
    """
    rows: Dict[str, List[FrameScore]] = dict(everything=[], blank=[])
    # A dataset has no __iter__, and iterating it by index would rely on an
    # IndexError at its end, which not every wrapper raises.
    if hasattr(frames, '__len__') and hasattr(frames, '__getitem__'):
        items = (frames[i] for i in range(len(frames)))
    else:
        items = iter(frames)
    for item in items:
        gt, visible = _gt_and_visible(item)
        seen = ((visible != 0) & (visible != ignore_index)).float()
        for name, score in (('everything', seen),
                            ('blank', torch.zeros_like(seen))):
            rows[name].append(
                score_frame(
                    score,
                    gt,
                    visible,
                    threshold=threshold,
                    ignore_index=ignore_index,
                    part_min_pixels=part_min_pixels,
                    with_f=False))
    result = dict()
    for name, scored in rows.items():
        scores = average_frames(scored)
        result[name] = {key: 100 * scores[key] for key in ('J', 'J_part')}
    return result
