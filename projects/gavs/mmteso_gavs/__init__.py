# Copyright (c) mmteso contributors. All rights reserved.
"""GAVS (AAAI 2024) for mmteso.

Importing the package registers it in ``mmseg.registry``: name the package in
a config's ``custom_imports``, after mmteso.
"""
# First: it has to be there before anything imports mmseg.models.
import mmteso  # noqa: F401
from .align_loss import AudioVisualTripletLoss
from .cola import ColASAMImageEncoder, add_cola
from .gavs_head import GAVSHead
from .pyramid_neck import SummedPyramid
from .sap import SemanticAwareAudioPrompt

__all__ = [
    'AudioVisualTripletLoss', 'ColASAMImageEncoder', 'GAVSHead',
    'SemanticAwareAudioPrompt', 'SummedPyramid', 'add_cola'
]
