# Copyright (c) mmteso contributors. All rights reserved.
"""What a user of the package calls."""
from mmteso.engine import evaluate_audio_conditions
from .audio_features import ExtractionSummary, extract_audio_features
from .inference import init_model
from .weights import (WeightFile, check_weights, download_weights,
                      find_weights, format_weights)

__all__ = [
    'ExtractionSummary', 'WeightFile', 'check_weights', 'download_weights',
    'evaluate_audio_conditions', 'extract_audio_features', 'find_weights',
    'format_weights', 'init_model'
]
