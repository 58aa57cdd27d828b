# Copyright (c) mmteso contributors. All rights reserved.
"""BAVS, bootstrapping audio-visual segmentation, for mmteso.

Importing the package registers it in ``mmseg.registry``: name the package in
a config's ``custom_imports``, after mmteso.
"""
# First: it has to be there before anything imports mmseg.models.
import mmteso  # noqa: F401
from .audio_tagger import AudioTagger, match_labels
from .bavs_segmentor import BAVSSegmentor
from .tag_prompt import TagPrompt

__all__ = ['AudioTagger', 'BAVSSegmentor', 'TagPrompt', 'match_labels']
