# Copyright (c) mmteso contributors. All rights reserved.
from mmteso.structures import AudioTextPrompt
from .ablations import AudioPrompt, ConcatPrompt, PooledPrompt, TextPrompt
from .attention import CrossAttention, at_least_float32, gated_softmax, mlp
from .audio_feature_prompt import AudioFeaturePrompt
from .clip_sedam import ClipSeDAM
from .dynamic_mask import DynamicMask
from .fusion import AudioTextFusion, FusionLayer
from .pmqs import PMQS
from .sedam import SeDAM

__all__ = [
    'AudioFeaturePrompt', 'AudioPrompt', 'AudioTextFusion',
    'AudioTextPrompt', 'ClipSeDAM', 'ConcatPrompt', 'CrossAttention',
    'DynamicMask', 'FusionLayer', 'PMQS', 'PooledPrompt', 'SeDAM',
    'TextPrompt', 'at_least_float32', 'gated_softmax', 'mlp'
]
