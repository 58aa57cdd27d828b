# Copyright (c) mmteso contributors. All rights reserved.
"""Weights of other projects under the names that the models here have."""
from .mask2former import (convert_mask2former, find_differences,
                          load_hf_mask2former, pixel_settings)
from .sam import convert_sam, sam_settings, write_sam_folder

__all__ = [
    'convert_mask2former', 'convert_sam', 'find_differences',
    'load_hf_mask2former', 'pixel_settings', 'sam_settings',
    'write_sam_folder'
]
