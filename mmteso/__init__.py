# Copyright (c) mmteso contributors. All rights reserved.
"""mmteso: audio-visual segmentation with TeSO, for mmsegmentation.

Importing the package checks the installed versions and announces to
``mmseg.registry`` what mmteso registers; :mod:`.registration` says how. It
comes before ``mmseg.models``, ``mmseg.apis`` and ``mmdet.models``: where
mmcv's compiled ops are missing, a stand-in takes their place.
"""
import importlib
from types import ModuleType

from .registration import register
from .version import __version__, check_versions

check_versions()
register()

__all__ = ['__version__', 'check_versions']


def __getattr__(name: str) -> ModuleType:
    """The rooms, ``mmteso.models`` and so on, imported when asked for."""
    if name.startswith('_'):
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    try:
        return importlib.import_module(f'.{name}', __name__)
    except ModuleNotFoundError as error:
        if error.name != f'{__name__}.{name}':
            raise
        raise AttributeError(
            f'module {__name__!r} has no attribute {name!r}') from error
