# Copyright (c) mmteso contributors. All rights reserved.
"""SAM's parts, by transformers, and its weights."""
from .hf_sam import (check_structure, import_sam, load_part, make_config,
                     read_sam_folder)
from .meta_weights import (WEIGHTS_URL, SAMWeightsError, convert_sam,
                           read_meta_weights, sam_settings, write_sam_folder)

__all__ = [
    'SAMWeightsError', 'WEIGHTS_URL', 'check_structure', 'convert_sam',
    'import_sam', 'load_part', 'make_config', 'read_meta_weights',
    'read_sam_folder', 'sam_settings', 'write_sam_folder'
]
