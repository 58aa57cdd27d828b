# Copyright (c) mmteso contributors. All rights reserved.
from .attention import CrossAttention, gated_softmax
from .dynamic_mask import DynamicMask
from .pmqs import PMQS
from .prompt import AudioTextPrompt
from .sedam import SeDAM

__all__ = [
    'AudioTextPrompt', 'CrossAttention', 'DynamicMask', 'PMQS', 'SeDAM',
    'gated_softmax'
]
