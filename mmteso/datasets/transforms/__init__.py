# Copyright (c) mmteso contributors. All rights reserved.
from .altering_audio import MuteAudio, ReplaceAudioWithNoise
from .cue_classes import CuesToClasses
from .fan_out import FanOutAudioConditions, PerCondition, condition_samples
from .fbank import AudioToFbank
from .features import LoadAudioFeatures
from .formatting import PackAVTInputs
from .loading_annotations import LoadAVSAnnotations
from .loading_audio import LoadAudioClip
from .loading_log_mel import LoadLogMel
from .log_mel import AudioToLogMel
from .model_input import AudioToModelInput
from .off_screen_audio import ReplaceAudioWithOffScreen
from .text_cues import LoadTextCues

__all__ = [
    'AudioToFbank', 'AudioToLogMel', 'AudioToModelInput', 'CuesToClasses',
    'FanOutAudioConditions', 'LoadAVSAnnotations', 'LoadAudioClip',
    'LoadAudioFeatures', 'LoadLogMel', 'LoadTextCues', 'MuteAudio',
    'PackAVTInputs', 'PerCondition', 'ReplaceAudioWithNoise',
    'ReplaceAudioWithOffScreen', 'condition_samples'
]
