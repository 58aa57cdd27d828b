# Copyright (c) mmteso contributors. All rights reserved.
from .audio_conditions import (MuteAudio, ReplaceAudioWithNoise,
                               ReplaceAudioWithOffScreen, SoundNegatives)
from .base import frame_name
from .cue_classes import CuesToClasses
from .fan_out import FanOutAudioConditions, PerCondition, split_conditions
from .formatting import PackAVTInputs
from .front_ends import (AudioToFbank, AudioToLogMel, AudioToModelInput,
                         MeasureSoundLevel)
from .loading_annotations import LoadAVSAnnotations
from .loading_audio import LoadAudioClip, LoadAudioFeatures, LoadLogMel
from .text_cues import LoadTextCues

__all__ = [
    'AudioToFbank', 'AudioToLogMel', 'AudioToModelInput', 'CuesToClasses',
    'FanOutAudioConditions', 'LoadAVSAnnotations', 'LoadAudioClip',
    'LoadAudioFeatures', 'LoadLogMel', 'LoadTextCues', 'MeasureSoundLevel',
    'MuteAudio', 'PackAVTInputs', 'PerCondition', 'ReplaceAudioWithNoise',
    'ReplaceAudioWithOffScreen', 'SoundNegatives', 'frame_name',
    'split_conditions'
]
