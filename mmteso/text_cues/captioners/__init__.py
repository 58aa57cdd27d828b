# Copyright (c) mmteso contributors. All rights reserved.
from .base_captioner import BaseCaptioner
from .fixed_captions import CaptionFileError, FixedCaptions

__all__ = ['BaseCaptioner', 'CaptionFileError', 'FixedCaptions']
