# Copyright (c) mmteso contributors. All rights reserved.
from .teso_head import (Mask2FormerMemory, PixelSupervisedHead, TeSOHead,
                        record_query_attention)
from .teso_sam_head import SAMMemory, TeSOSAMHead

__all__ = [
    'Mask2FormerMemory', 'PixelSupervisedHead', 'SAMMemory', 'TeSOHead',
    'TeSOSAMHead', 'record_query_attention'
]
