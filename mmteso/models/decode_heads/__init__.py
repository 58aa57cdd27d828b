# Copyright (c) mmteso contributors. All rights reserved.
from .batched_mask2former_head import BatchedMask2FormerHead
from .pixel_supervised_head import PixelSupervisedHead
from .query_attention import record_query_attention
from .teso_head import Mask2FormerMemory, TeSOHead
from .teso_sam_head import SAMMemory, TeSOSAMHead

__all__ = [
    'BatchedMask2FormerHead', 'Mask2FormerMemory', 'PixelSupervisedHead',
    'SAMMemory', 'TeSOHead', 'TeSOSAMHead', 'record_query_attention'
]
