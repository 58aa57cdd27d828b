# Copyright (c) mmteso contributors. All rights reserved.
"""Weights of other projects under the names that the models here have."""
from .efficientnet_lite import (convert_efficientnet_lite,
                                efficientnet_lite_path)
from .mask2former import (convert_mask2former, find_differences,
                          load_hf_mask2former, pixel_settings)
from .sam import convert_sam, sam_settings, write_sam_folder

__all__ = [
    'convert_efficientnet_lite', 'convert_mask2former', 'convert_sam',
    'efficientnet_lite_path', 'find_differences', 'load_hf_mask2former',
    'pixel_settings', 'sam_settings', 'write_sam_folder'
]
