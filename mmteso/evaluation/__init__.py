# Copyright (c) mmteso contributors. All rights reserved.
from .functional import reference_scores
from .metrics import (AVSMetric, AVSSMetric, CueRecognitionMetric,
                      CueSelectionMetric)

__all__ = [
    'AVSMetric', 'AVSSMetric', 'CueRecognitionMetric', 'CueSelectionMetric',
    'reference_scores'
]
