# Copyright (c) mmteso contributors. All rights reserved.
from .functional import listening_score, reference_scores
from .metrics import (AVSMetric, AVSSMetric, CueRecognitionMetric,
                      CueSelectionMetric, DumpAVSResults)

__all__ = [
    'AVSMetric', 'AVSSMetric', 'CueRecognitionMetric', 'CueSelectionMetric',
    'DumpAVSResults', 'listening_score', 'reference_scores'
]
