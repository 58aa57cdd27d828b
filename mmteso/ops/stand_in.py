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
from typing import Callable, Optional

from .ms_deform_attn import ms_deform_attn_backward, ms_deform_attn_forward

EXTENSION = 'mmcv._ext'

_HOW_TO_COMPILE = (
    'To get the compiled ops, build mmcv against the installed torch, e.g. '
    '`pip install --no-build-isolation --no-binary onedl-mmcv --no-cache-dir '
    '--force-reinstall --no-deps onedl-mmcv` (about 12 minutes on 2 cores; '
    'the classic distribution: the same with `mmcv` after removing '
    '`mmcv-lite`). mmteso uses them as soon as they are there.')


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
                f'{_HOW_TO_COMPILE}')

        return op


def is_stand_in() -> bool:
    """Whether ``mmcv._ext`` is the stand-in rather than the compiled one."""
    return isinstance(sys.modules.get(EXTENSION), ExtensionStandIn)


def install() -> Optional[ExtensionStandIn]:
    """Put the stand-in in the place of ``mmcv._ext`` if there is none.

    Returns:
        ExtensionStandIn | None: The stand-in, or None where the compiled
        extension (or somebody else's module of this name) is in use.

    Raises:
        ImportError: If mmseg.models was imported before without compiled
            ops, or if the compiled extension cannot be loaded.
    """
    if is_stand_in():
        return sys.modules[EXTENSION]
    if EXTENSION in sys.modules:
        return None
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
        return None
    # With some versions `import mmseg.models` survives the missing extension
    # and keeps hollow classes (Mask2FormerHead becomes a bare BaseModule),
    # with others it fails half-way and leaves such modules behind. Neither
    # can be repaired afterwards.
    early = sorted(name for name in sys.modules
                   if name == 'mmseg.models' or name.startswith(
                       ('mmseg.models.', 'mmdet.models.')))
    if early:
        raise ImportError(
            'mmseg.models was imported before mmteso, and mmcv has no '
            f'compiled ops: {len(early)} modules of mmseg and mmdet (such as '
            f'{early[0]}) have already been loaded without them, and would '
            'fail later in odd ways. Start again and `import mmteso` first, '
            'before mmseg.models, mmseg.apis and mmdet.models. With a tool '
            'that imports mmseg.apis by itself, run it as `python -c "import '
            'mmteso, runpy, sys; sys.argv = sys.argv[1:]; '
            'runpy.run_path(sys.argv[0], run_name=\'__main__\')" TOOL '
            f'ARGUMENTS`. {_HOW_TO_COMPILE}')
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
    return module
