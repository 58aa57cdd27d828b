# Copyright (c) mmteso contributors. All rights reserved.
"""A stand-in for ``mmcv._ext`` where mmcv was installed without it.

``mmcv.ops`` imports the compiled extension ``mmcv._ext`` and looks its
functions up by name (``mmcv/utils/ext_loader.py``); mmdet imports
``mmcv.ops``. TeSO needs one compiled function only, multi-scale deformable
attention, and that only on a GPU. The stand-in provides it in PyTorch, so
that no compilation is needed. Every other op raises when it is called.
"""
import importlib
import importlib.util
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Callable

from mmteso.registration import EXTENSION, HOW_TO_COMPILE
from .ms_deform_attn import ms_deform_attn_backward, ms_deform_attn_forward


class ExtensionStandIn(ModuleType):
    """Module whose unknown public attributes are ops that raise."""

    def __getattr__(self, name: str) -> Callable:
        # Only underscore names are really missing: ext_loader asks for each
        # op by hasattr, Python itself for __path__, __wrapped__ and the like.
        if name.startswith('_'):
            raise AttributeError(
                f'module {self.__name__!r} has no attribute {name!r}')

        def op(*args, **kwargs):
            raise RuntimeError(
                f'the mmcv op "{name}" was called, but mmcv is installed '
                'without its compiled extension, and the stand-in of '
                'mmteso.ops provides only multi-scale deformable attention. '
                f'{HOW_TO_COMPILE}')

        return op


def is_stand_in() -> bool:
    """Whether ``mmcv._ext`` is the stand-in rather than the compiled one."""
    return isinstance(sys.modules.get(EXTENSION), ExtensionStandIn)


def install() -> None:
    """Put the stand-in in the place of ``mmcv._ext`` if there is none.

    Raises:
        ImportError: If the compiled extension cannot be loaded.
    """
    if EXTENSION in sys.modules:
        return
    if importlib.util.find_spec(EXTENSION) is not None:
        try:
            importlib.import_module(EXTENSION)
        except ImportError as error:
            raise ImportError(
                f'mmcv has a compiled extension ({EXTENSION}), but it does '
                f'not load: {error}. Most likely it was built for another '
                'torch. Build it again for this torch, or install mmcv '
                'without it (onedl-mmcv as pip builds it, or mmcv-lite): '
                'mmteso needs no compiled ops.') from error
        return
    module = ExtensionStandIn(EXTENSION, __doc__)
    # importlib.util.find_spec, which mmengine calls, needs one
    module.__spec__ = ModuleSpec(EXTENSION, None)
    module.ms_deform_attn_forward = ms_deform_attn_forward
    module.ms_deform_attn_backward = ms_deform_attn_backward
    # mmcv's environment report asks for these
    module.get_compiler_version = module.get_compiling_cuda_version = \
        lambda: 'none (mmteso.ops stands in for the compiled ops)'
    sys.modules[EXTENSION] = module
    # as the import system does for a submodule
    importlib.import_module('mmcv')._ext = module
