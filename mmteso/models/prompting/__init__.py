# Copyright (c) mmteso contributors. All rights reserved.
from .attention import CrossAttention, gated_softmax
from .dynamic_mask import DynamicMask
from .pmqs import PMQS
from .prompt import AudioTextPrompt
from .sedam import SeDAM
from .stand_ins import AudioPrompt, ConcatPrompt, PooledPrompt, TextPrompt

__all__ = [
    'AudioPrompt', 'AudioTextPrompt', 'ConcatPrompt', 'CrossAttention',
    'DynamicMask', 'PMQS', 'PooledPrompt', 'SeDAM', 'TextPrompt',
    'gated_softmax'
]
