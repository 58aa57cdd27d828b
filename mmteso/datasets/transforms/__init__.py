from .altering_audio import MuteAudio, ReplaceAudioWithNoise
from .loading_audio import LoadAudioClip
from .log_mel import AudioToLogMel
from .text_cues import LoadTextCues

__all__ = [
    'AudioToLogMel', 'LoadAudioClip', 'LoadTextCues', 'MuteAudio',
    'ReplaceAudioWithNoise'
]
