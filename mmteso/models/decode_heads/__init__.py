# Copyright (c) mmteso contributors. All rights reserved.
from .teso_head import ImageMemory, TeSOHead

__all__ = ['ImageMemory', 'TeSOHead']
