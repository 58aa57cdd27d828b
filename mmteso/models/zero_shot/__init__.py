# Copyright (c) mmteso contributors. All rights reserved.
"""Pretrained models that tell what sounds, and where a phrase is."""
from .clap_cue_scorer import CLAPCueScorer
from .clipseg import CLIPSegSegmenter
from .grounded_sam import GroundedSAMSegmenter
from .sam3 import SAM3Segmenter

__all__ = [
    'CLAPCueScorer', 'CLIPSegSegmenter', 'GroundedSAMSegmenter',
    'SAM3Segmenter'
]
