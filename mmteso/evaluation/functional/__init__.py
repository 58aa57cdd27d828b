# Copyright (c) mmteso contributors. All rights reserved.
from .averages import average_avsbench, average_frames, mean
from .class_scores import (ClassCounts, average_classes, count_classes,
                           iou_and_f, mean_over_classes)
from .cue_recognition import (AVERAGES, TRUTHS, UNKNOWN, FrameRecognition,
                              average_recognition, recognize_cues,
                              true_classes)
from .foreground import (FrameScore, f_measure, f_thresholds, mask_iou,
                         precision_recall_curve, score_frame, select_pixels)
from .references import reference_scores
from .robustness import listening_score

__all__ = [
    'AVERAGES', 'ClassCounts', 'FrameRecognition', 'FrameScore', 'TRUTHS',
    'UNKNOWN', 'average_avsbench', 'average_classes', 'average_frames',
    'average_recognition', 'count_classes', 'f_measure', 'f_thresholds',
    'iou_and_f', 'listening_score', 'mask_iou', 'mean', 'mean_over_classes',
    'precision_recall_curve', 'recognize_cues', 'reference_scores',
    'score_frame', 'select_pixels', 'true_classes'
]
