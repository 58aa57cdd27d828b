# Copyright (c) mmteso contributors. All rights reserved.
"""What a user of the package calls."""
from mmteso.engine import evaluate_audio_conditions
from .audio_features import ExtractionSummary, extract_audio_features
from .clip_files import ClipWriter
from .clip_pipeline import Condition
from .clips import CLIP_FORMS, Clip, ClipInput
from .inference import init_model
from .inferencer import AVSInferencer
from .results import Cue, FrameResult
from .weights import (WeightFile, check_weights, download_weights,
                      find_weights, format_weights)

__all__ = [
    'AVSInferencer', 'CLIP_FORMS', 'Clip', 'ClipInput', 'ClipWriter',
    'Condition', 'Cue', 'ExtractionSummary', 'FrameResult', 'WeightFile',
    'check_weights', 'download_weights', 'evaluate_audio_conditions',
    'extract_audio_features', 'find_weights', 'format_weights', 'init_model'
]
