# Copyright (c) mmteso contributors.
from .functional import reference_scores
from .metrics import AVSMetric, AVSSMetric

__all__ = ['AVSMetric', 'AVSSMetric', 'reference_scores']
