# Copyright (c) mmteso contributors. All rights reserved.
from .functional import reference_scores
from .metrics import AVSMetric, AVSSMetric, CueSelectionMetric

__all__ = [
    'AVSMetric', 'AVSSMetric', 'CueSelectionMetric', 'reference_scores'
]
