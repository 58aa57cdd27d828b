"""Files of the project's own: cues, features, and the refusing unpickler."""
from .cue_file import (CueFile, CueFileError, CueRecord, append_cue_record,
                       iter_cue_records, write_cue_file)
from .phrases import normalize_phrase

__all__ = [
    'CueFile', 'CueFileError', 'CueRecord', 'append_cue_record',
    'iter_cue_records', 'normalize_phrase', 'write_cue_file'
]
