# Copyright (c) mmteso contributors. All rights reserved.
"""Text cues from frames: caption, reason, parse, write (paper 3.2).

Offline, before training: nothing here is imported by ``import mmteso``.
"""
from .frames import BaseFrames, DatasetFrames, FolderFrames
from .generator import CueGenerator, Progress, TooManyFailuresError
from .parser import CueParseError, parse_cues
from .prompt import (CaptionPrompt, Prompt, PromptError, load_caption_prompt,
                     load_prompt)
from .registry import CAPTIONERS, FRAME_SOURCES, REASONERS
from .shards import take_shard
from .structures import (ChatFailure, Conversation, Frame, LoadedFrame,
                         ModelUnavailableError, Reasoning)

__all__ = [
    'BaseFrames', 'CAPTIONERS', 'CaptionPrompt', 'ChatFailure', 'Conversation',
    'CueGenerator', 'CueParseError', 'DatasetFrames', 'FRAME_SOURCES',
    'FolderFrames', 'Frame', 'LoadedFrame', 'ModelUnavailableError',
    'Progress', 'Prompt', 'PromptError', 'REASONERS', 'Reasoning',
    'TooManyFailuresError', 'load_caption_prompt', 'load_prompt', 'parse_cues',
    'take_shard'
]
