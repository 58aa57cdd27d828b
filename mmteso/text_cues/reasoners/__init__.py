# Copyright (c) mmteso contributors. All rights reserved.
from .base_reasoner import BaseReasoner, PromptedReasoner
from .captioner_reasoner import CaptionerReasoner
from .dataset_labels import DatasetLabels
from .noun_parser import NounParser
from .openai_reasoner import OpenAIReasoner
from .transformers_reasoner import TransformersReasoner

__all__ = [
    'BaseReasoner', 'CaptionerReasoner', 'DatasetLabels', 'NounParser',
    'OpenAIReasoner', 'PromptedReasoner', 'TransformersReasoner'
]
