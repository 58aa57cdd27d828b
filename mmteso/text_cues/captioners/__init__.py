# Copyright (c) mmteso contributors. All rights reserved.
from .base_captioner import BaseCaptioner
from .fixed_captions import CaptionFileError, FixedCaptions
from .transformers_captioner import TransformersCaptioner
from .video_captioner import VideoCaptioner

__all__ = [
    'BaseCaptioner', 'CaptionFileError', 'FixedCaptions',
    'TransformersCaptioner', 'VideoCaptioner'
]
