# Copyright (c) mmteso contributors. All rights reserved.
from .audio_features import ExtractionSummary, extract_audio_features
from .demo_report import (draw_conditions, format_table, make_report,
                          references, write_report)

__all__ = [
    'ExtractionSummary', 'draw_conditions', 'extract_audio_features',
    'format_table', 'make_report', 'references', 'write_report'
]
