# Copyright (c) mmteso contributors. All rights reserved.
from .base_reasoner import BaseReasoner, PromptedReasoner

__all__ = ['BaseReasoner', 'PromptedReasoner']
