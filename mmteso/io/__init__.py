# Copyright (c) mmteso contributors. All rights reserved.
"""Files of the project's own: cues, features, and the refusing unpickler."""
from .config_text import parse_config_text, runs_nothing
from .cue_file import (CueFile, CueFileError, CueRecord, append_cue_records,
                       find_cue_files, iter_cue_records, write_cue_file)
from .feature_file import (CueBank, FeatureFile, FeatureFileError,
                           MissingPhrasesError, Provenance, feature_key,
                           write_feature_file)
from .files import (atomic_write, file_sha256, parse_json, parse_yaml, plain,
                    read_json, read_text, read_yaml, write_file, write_json)
from .image_file import decode_labels, read_image
from .phrases import normalize_phrase
from .torch_files import (CheckpointError, TensorPickleError,
                          load_tensor_pickle, read_checkpoint,
                          read_state_dict)
from .vid_json import (VidClip, VidJsonError, export_vid_json, import_vid_json,
                       read_vid_json, write_vid_json)

__all__ = [
    'CheckpointError', 'CueBank', 'CueFile', 'CueFileError', 'CueRecord',
    'FeatureFile', 'FeatureFileError', 'MissingPhrasesError', 'Provenance',
    'TensorPickleError', 'VidClip', 'VidJsonError', 'append_cue_records',
    'atomic_write', 'decode_labels', 'export_vid_json', 'feature_key',
    'file_sha256', 'find_cue_files', 'import_vid_json', 'iter_cue_records',
    'load_tensor_pickle', 'normalize_phrase', 'parse_config_text',
    'parse_json', 'parse_yaml', 'plain', 'read_checkpoint', 'read_image',
    'read_json', 'read_state_dict', 'read_text', 'read_vid_json', 'read_yaml',
    'runs_nothing', 'write_cue_file', 'write_feature_file', 'write_file',
    'write_json', 'write_vid_json'
]
