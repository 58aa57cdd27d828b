# Copyright (c) mmteso contributors. All rights reserved.
"""SAM's networks and weights, as transformers builds and stores them."""
from ..load_part import load_part
from .hf_sam import check_structure, import_sam, make_config, read_sam_folder

__all__ = [
    'check_structure', 'import_sam', 'load_part', 'make_config',
    'read_sam_folder'
]
