# Copyright (c) mmteso contributors. All rights reserved.
"""Files of the project's own: cues, features, and the refusing unpickler."""
from .cue_file import (CueFile, CueFileError, CueRecord, iter_cue_records,
                       write_cue_file)
from .cue_writer import CueWriter
from .feature_file import (FeatureFile, FeatureFileError, Provenance,
                           feature_key, write_feature_file)
from .hashing import file_sha256
from .phrases import normalize_phrase
from .tensor_pickle import TensorPickleError, load_tensor_pickle

__all__ = [
    'CueFile', 'CueFileError', 'CueRecord', 'CueWriter', 'FeatureFile',
    'FeatureFileError', 'Provenance', 'TensorPickleError', 'feature_key',
    'file_sha256', 'iter_cue_records', 'load_tensor_pickle',
    'normalize_phrase', 'write_cue_file', 'write_feature_file'
]
