# Copyright (c) mmteso contributors. All rights reserved.
from .audio_text_segmentor import AudioTextSegmentor

__all__ = ['AudioTextSegmentor']
