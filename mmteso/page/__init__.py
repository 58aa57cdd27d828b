# Copyright (c) mmteso contributors. All rights reserved.
"""The page in a browser: a clip goes in, masks come out, the sound is changed.

What it finds comes from :class:`mmteso.apis.AVSInferencer`, its files from
:class:`mmteso.apis.ClipWriter`. Only :mod:`.app` needs Gradio.
"""
from .limits import Limits, Refused, readable
from .session import ClipSession
from .view import show_clip, show_missing_model, show_problem, show_sound

__all__ = [
    'ClipSession', 'Limits', 'Refused', 'readable', 'show_clip',
    'show_missing_model', 'show_problem', 'show_sound'
]
