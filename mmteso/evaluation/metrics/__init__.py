# Copyright (c) mmteso contributors. All rights reserved.
from .avs_metric import AVSMetric
from .avss_metric import AVSSMetric
from .cue_recognition_metric import CueRecognitionMetric
from .cue_selection_metric import CueSelectionMetric
from .dump_avs_results import DumpAVSResults

__all__ = [
    'AVSMetric', 'AVSSMetric', 'CueRecognitionMetric', 'CueSelectionMetric',
    'DumpAVSResults'
]
