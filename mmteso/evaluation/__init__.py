# Copyright (c) mmteso contributors.
from .functional import reference_scores
from .metrics import AVSMetric

__all__ = ['AVSMetric', 'reference_scores']
