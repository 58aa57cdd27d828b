# Copyright (c) mmteso contributors. All rights reserved.
from .class_scores import (ClassCounts, average_classes, count_classes,
                           mean_over_classes)
from .cue_recognition import (FrameRecognition, average_recognition,
                              recognize_cues, true_classes)
from .foreground import (FrameScore, average_avsbench, average_frames, f_curve,
                         mask_iou, mean, reference_scores, score_frame)
from .robustness import listening_score

__all__ = [
    'ClassCounts', 'FrameRecognition', 'FrameScore', 'average_avsbench',
    'average_classes', 'average_frames', 'average_recognition',
    'count_classes', 'f_curve', 'listening_score', 'mask_iou', 'mean',
    'mean_over_classes', 'recognize_cues', 'reference_scores', 'score_frame',
    'true_classes'
]
