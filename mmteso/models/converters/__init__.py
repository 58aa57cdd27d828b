# Copyright (c) mmteso contributors. All rights reserved.
"""Weights of other projects under the names that the models here have."""
from .mask2former_hf import (HFMask2Former, convert_mask2former,
                             read_hf_mask2former)
from .mask2former_settings import (Mask2FormerError, find_differences,
                                   mmseg_settings, normalization_settings)
from .vggish import (VGGishWeightsError, check_vggish_shapes, convert_vggish,
                     read_vggish_weights)

__all__ = [
    'HFMask2Former', 'Mask2FormerError', 'VGGishWeightsError',
    'check_vggish_shapes', 'convert_mask2former', 'convert_vggish',
    'find_differences', 'mmseg_settings', 'normalization_settings',
    'read_hf_mask2former', 'read_vggish_weights'
]
