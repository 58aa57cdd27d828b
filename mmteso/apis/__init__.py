# Copyright (c) mmteso contributors. All rights reserved.
from .audio_features import ExtractionSummary, extract_audio_features
from .cue_recognition import (SYNONYMS, configured_cues, evaluate_cue_file,
                              format_cue_recognition, read_truth)
from .demo_report import (draw_conditions, format_table, make_report,
                          references, write_report)

__all__ = [
    'ExtractionSummary', 'SYNONYMS', 'configured_cues', 'draw_conditions',
    'evaluate_cue_file', 'extract_audio_features', 'format_cue_recognition',
    'format_table', 'make_report', 'read_truth', 'references', 'write_report'
]
