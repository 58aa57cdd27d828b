# Copyright (c) mmteso contributors. All rights reserved.
from .audio_text_segmentor import AudioTextSegmentor
from .avs_tta import AVSTTAModel
from .label_filter import LabelFilterSegmentor

__all__ = ['AVSTTAModel', 'AudioTextSegmentor', 'LabelFilterSegmentor']
