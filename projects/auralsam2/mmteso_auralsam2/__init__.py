# Copyright (c) mmteso contributors. All rights reserved.
"""AuralSAM2 (2025) for mmteso.

Importing the package registers it in ``mmseg.registry``: name the package in
a config's ``custom_imports``, after mmteso.
"""
# First: it has to be there before anything imports mmseg.models.
import mmteso  # noqa: F401
from .aural_fuser import AudioVisualFusion, AuralFuser
from .auralsam2_head import AuralSAM2Head, StereoPrompt
from .contrastive_loss import AudioContrastiveLoss
from .sam2 import SAM2ImageEncoder, SAM2Neck

__all__ = [
    'AudioContrastiveLoss', 'AudioVisualFusion', 'AuralFuser', 'AuralSAM2Head',
    'SAM2ImageEncoder', 'SAM2Neck', 'StereoPrompt'
]
