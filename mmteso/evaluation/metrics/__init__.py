# Copyright (c) mmteso contributors. All rights reserved.
from .avs_metric import AVSMetric
from .avss_metric import AVSSMetric
from .cue_recognition_metric import CueRecognitionMetric
from .cue_selection_metric import CueSelectionMetric

__all__ = [
    'AVSMetric', 'AVSSMetric', 'CueRecognitionMetric', 'CueSelectionMetric'
]
