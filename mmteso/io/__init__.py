# Copyright (c) mmteso contributors. All rights reserved.
"""Files of the project's own: cues, features, and the refusing unpickler."""
from .config_text import parse_config_text
from .cue_file import (CueFile, CueFileError, CueRecord, CueWriter,
                       find_cue_files, iter_cue_records, write_cue_file)
from .feature_file import (FeatureFile, FeatureFileError, Provenance,
                           feature_key, write_feature_file)
from .hashing import file_sha256
from .image_file import decode_labels, read_image
from .phrases import normalize_phrase
from .strict_yaml import parse_yaml
from .tensor_pickle import TensorPickleError, load_tensor_pickle
from .vid_json import (VidClip, VidJsonError, export_vid_json, import_vid_json,
                       read_vid_json, write_vid_json)

__all__ = [
    'CueFile', 'CueFileError', 'CueRecord', 'CueWriter', 'FeatureFile',
    'FeatureFileError', 'Provenance', 'TensorPickleError', 'VidClip',
    'VidJsonError', 'decode_labels', 'export_vid_json', 'feature_key',
    'file_sha256', 'find_cue_files', 'import_vid_json', 'iter_cue_records',
    'load_tensor_pickle', 'normalize_phrase', 'parse_config_text',
    'parse_yaml', 'read_image', 'read_vid_json', 'write_cue_file',
    'write_feature_file', 'write_vid_json'
]
