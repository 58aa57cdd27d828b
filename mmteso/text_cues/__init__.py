# Copyright (c) mmteso contributors. All rights reserved.
"""Text cues from frames: caption, reason, parse, write (paper 3.2).

Offline, before training: nothing here is imported by ``import mmteso``.
"""
from .registry import CAPTIONERS, FRAME_SOURCES, REASONERS
from .structures import (ChatFailure, Conversation, Frame, LoadedFrame,
                         ModelUnavailableError, Reasoning)

__all__ = [
    'CAPTIONERS', 'ChatFailure', 'Conversation', 'FRAME_SOURCES', 'Frame',
    'LoadedFrame', 'ModelUnavailableError', 'REASONERS', 'Reasoning'
]
