# Copyright (c) mmteso contributors. All rights reserved.
"""AVSegFormer (AAAI 2024) for mmteso.

Importing the package registers it in ``mmseg.registry``: name the package in
a config's ``custom_imports``, after mmteso.
"""
# First: it has to be there before anything imports mmseg.models.
import mmteso  # noqa: F401
from .avsegformer_head import AudioProjectionPrompt, AVSegFormerHead
from .dice_loss import FrameDiceLoss
from .mixer import AudioVisualMixer
from .pixel_decoder import AVSegFormerPixelDecoder

__all__ = [
    'AVSegFormerHead', 'AVSegFormerPixelDecoder', 'AudioProjectionPrompt',
    'AudioVisualMixer', 'FrameDiceLoss'
]
