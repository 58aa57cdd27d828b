# Copyright (c) mmteso contributors. All rights reserved.
"""Weights of other projects under the names that the models here have."""
from .mask2former_hf import (HFMask2Former, convert_mask2former,
                             read_hf_mask2former)
from .mask2former_settings import (Mask2FormerError, find_differences,
                                   mmseg_settings, normalization_settings)
from .sam import (SAM_URL, SAMWeightsError, convert_sam, read_sam_weights,
                  sam_settings, write_sam_folder)
from .vggish import (VGGishWeightsError, check_vggish_shapes, convert_vggish,
                     read_vggish_weights)

__all__ = [
    'HFMask2Former', 'Mask2FormerError', 'SAMWeightsError', 'SAM_URL',
    'VGGishWeightsError', 'check_vggish_shapes', 'convert_mask2former',
    'convert_sam', 'convert_vggish', 'find_differences', 'mmseg_settings',
    'normalization_settings', 'read_hf_mask2former', 'read_sam_weights',
    'read_vggish_weights', 'sam_settings', 'write_sam_folder'
]
