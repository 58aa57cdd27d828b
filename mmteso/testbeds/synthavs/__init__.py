# Copyright (c) mmteso contributors. All rights reserved.
"""SynthAVS: a synthetic audio-visual test bed in AVSBench's layout.

It is not AVSBench; see :mod:`mmteso.testbeds.synthavs.generator`.
"""
from .classes import CLASSES, LABEL2IDX, PALETTE
from .files import is_up_to_date, read_manifest
from .generator import generate_synthavs
from .v3_lists import write_v3_lists
from .variants import VARIANTS, get_variant

__all__ = [
    'CLASSES', 'LABEL2IDX', 'PALETTE', 'VARIANTS', 'generate_synthavs',
    'get_variant', 'is_up_to_date', 'read_manifest', 'write_v3_lists'
]
