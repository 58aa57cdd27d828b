# Copyright (c) mmteso contributors. All rights reserved.
from .audio_features import ExtractionSummary, extract_audio_features
from .complexity import (ModelComplexity, PartComplexity, format_complexity,
                         model_complexity)
from .cue_recognition import (SYNONYMS, configured_cues, evaluate_cue_file,
                              format_cue_recognition, read_truth)
from .dataset_pictures import draw_dataset
from .demo_report import (draw_conditions, format_table, make_report,
                          references, write_report)
from .preference_report import (PICTURES, ComparedModel,
                                format_preference_report,
                                make_preference_report)
from .preference_scores import read_audio_report, read_paper_numbers
from .sounding_attention import SoundingAttention, sounding_attention
from .weight_files import (WeightFile, check_weights, download_weights,
                           format_weights)
from .weight_sources import WeightSource, find_weights, read_sources

__all__ = [
    'ComparedModel', 'ExtractionSummary', 'ModelComplexity', 'PICTURES',
    'PartComplexity', 'SYNONYMS', 'SoundingAttention', 'WeightFile',
    'WeightSource', 'check_weights', 'configured_cues', 'download_weights',
    'draw_conditions', 'draw_dataset', 'evaluate_cue_file',
    'extract_audio_features', 'find_weights', 'format_complexity',
    'format_cue_recognition', 'format_preference_report', 'format_table',
    'format_weights', 'make_preference_report', 'make_report',
    'model_complexity', 'read_audio_report', 'read_paper_numbers',
    'read_sources', 'read_truth', 'references', 'sounding_attention',
    'write_report'
]
