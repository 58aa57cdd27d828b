# Copyright (c) mmteso contributors. All rights reserved.
from .teso_head import ImageMemory, TeSOHead
from .teso_sam_head import SAMImageMemory, TeSOSAMHead

__all__ = ['ImageMemory', 'SAMImageMemory', 'TeSOHead', 'TeSOSAMHead']
