from .altering_audio import MuteAudio, ReplaceAudioWithNoise
from .formatting import PackAVTInputs
from .loading_annotations import LoadAVSAnnotations
from .loading_audio import LoadAudioClip
from .log_mel import AudioToLogMel
from .text_cues import LoadTextCues

__all__ = [
    'AudioToLogMel', 'LoadAVSAnnotations', 'LoadAudioClip', 'LoadTextCues',
    'MuteAudio', 'PackAVTInputs', 'ReplaceAudioWithNoise'
]
