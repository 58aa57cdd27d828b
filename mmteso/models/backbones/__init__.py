# Copyright (c) mmteso contributors. All rights reserved.
from .sam_image_encoder import SAMImageEncoder
from .transformers_backbone import TransformersBackbone

__all__ = ['SAMImageEncoder', 'TransformersBackbone']
