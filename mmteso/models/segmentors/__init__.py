# Copyright (c) mmteso contributors. All rights reserved.
from .audio_text_segmentor import AudioTextSegmentor
from .avs_tta import AVSTTAModel
from .label_filter import LabelFilterSegmentor
from .zero_shot_avs import ZeroShotAVS

__all__ = [
    'AVSTTAModel', 'AudioTextSegmentor', 'LabelFilterSegmentor', 'ZeroShotAVS'
]
