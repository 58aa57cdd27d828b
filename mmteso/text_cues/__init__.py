# Copyright (c) mmteso contributors. All rights reserved.
"""Text cues from frames: caption, reason, extract, write (paper 3.2).

Offline, before training: nothing here is imported by ``import mmteso``.
"""
from .answers import AnswerError
from .base import (CAPTIONERS, FRAME_SOURCES, REASONERS, BaseCaptioner,
                   BaseReasoner, ChatFailure, Frame, LoadedFrame,
                   ModelUnavailableError, Reasoning)
from .frames import DatasetFrames, FolderFrames
from .generator import CueGenerator, TooManyFailuresError
from .prompt import PromptError, load_caption_prompt, load_prompt

__all__ = [
    'AnswerError', 'BaseCaptioner', 'BaseReasoner', 'CAPTIONERS',
    'ChatFailure', 'CueGenerator', 'DatasetFrames', 'FRAME_SOURCES',
    'FolderFrames', 'Frame', 'LoadedFrame', 'ModelUnavailableError',
    'PromptError', 'REASONERS', 'Reasoning', 'TooManyFailuresError',
    'load_caption_prompt', 'load_prompt'
]
