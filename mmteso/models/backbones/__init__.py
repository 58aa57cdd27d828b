# Copyright (c) mmteso contributors. All rights reserved.
from .efficientnet_lite import EfficientNetLite
from .sam_image_encoder import SAMImageEncoder
from .transformers_backbone import TransformersBackbone

__all__ = ['EfficientNetLite', 'SAMImageEncoder', 'TransformersBackbone']
