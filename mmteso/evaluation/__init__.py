# Copyright (c) mmteso contributors. All rights reserved.
from .functional import reference_scores
from .metrics import AVSMetric, AVSSMetric

__all__ = ['AVSMetric', 'AVSSMetric', 'reference_scores']
