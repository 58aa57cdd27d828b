# Copyright (c) mmteso contributors. All rights reserved.
from .base_reasoner import BaseReasoner, PromptedReasoner
from .dataset_labels import DatasetLabels
from .noun_parser import NounParser

__all__ = ['BaseReasoner', 'DatasetLabels', 'NounParser', 'PromptedReasoner']
