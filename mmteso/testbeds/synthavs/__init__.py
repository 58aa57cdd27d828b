# Copyright (c) mmteso contributors. All rights reserved.
"""SynthAVS: a synthetic audio-visual test bed in AVSBench's layout.

It is not AVSBench; see :mod:`mmteso.testbeds.synthavs.generator`.
"""
from .easy import CLASSES
from .files import is_up_to_date, read_manifest
from .generator import VARIANTS, generate_synthavs
from .sample import write_sample_clip
from .v3_lists import write_v3_lists

__all__ = [
    'CLASSES', 'VARIANTS', 'generate_synthavs', 'is_up_to_date',
    'read_manifest', 'write_sample_clip', 'write_v3_lists'
]
