# Copyright (c) mmteso contributors. All rights reserved.
"""mmteso: audio-visual segmentation with TeSO, for mmsegmentation.

Importing the package checks the installed versions, puts a stand-in in the
place of mmcv's compiled ops where these are missing, and registers everything
in ``mmseg.registry``.
"""
from .version import __version__, check_versions

check_versions()

# isort: off
# first: mmseg.models and mmdet.models, which the rest imports, look for the
# compiled ops
from . import ops
# isort: on
from . import audio, datasets, engine, evaluation, io, models

__all__ = [
    '__version__', 'audio', 'check_versions', 'datasets', 'engine',
    'evaluation', 'io', 'models', 'ops'
]
