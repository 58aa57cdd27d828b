# Copyright (c) mmteso contributors. All rights reserved.
"""Video files: frames and sound by their timestamps, and writing them.

PyAV (FFmpeg) decodes and encodes; this room knows about time.
"""
from .frames import FRAME_POSITION, MediaError, Problem, VideoFile
from .sound import Sound
from .writing import write_video

__all__ = [
    'FRAME_POSITION', 'MediaError', 'Problem', 'Sound', 'VideoFile',
    'write_video'
]
