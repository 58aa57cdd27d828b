# Copyright (c) mmteso contributors. All rights reserved.
from .pixel_supervised_head import PixelSupervisedHead
from .query_attention import record_query_attention
from .teso_head import ImageMemory, TeSOHead
from .teso_sam_head import SAMImageMemory, TeSOSAMHead

__all__ = [
    'ImageMemory', 'PixelSupervisedHead', 'SAMImageMemory', 'TeSOHead',
    'TeSOSAMHead', 'record_query_attention'
]
