# Copyright (c) mmteso contributors.
from .averages import average_avsbench, average_frames, mean
from .foreground import (FrameScore, f_measure, f_thresholds, mask_iou,
                         precision_recall_curve, score_frame, select_pixels)
from .references import reference_scores

__all__ = [
    'FrameScore', 'average_avsbench', 'average_frames', 'f_measure',
    'f_thresholds', 'mask_iou', 'mean', 'precision_recall_curve',
    'reference_scores', 'score_frame', 'select_pixels'
]
